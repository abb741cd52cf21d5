"""What a tf.data pipeline consists of, as far as it decides whether its position can be saved."""

from collections.abc import Iterator

import tensorflow as tf
from tensorflow.core.framework import graph_pb2, node_def_pb2

RESHUFFLES = "reshuffle_each_iteration"
STARTS_LATE = ("Shuffle", "Repeat", "Concatenate", "Cache")  # these begin their input only when they first need it


def restores_exactly(dataset: tf.data.Dataset) -> bool:
    """Whether a restored iterator brings later epochs back as well.

    A shuffle orders each epoch by how often it has begun, which belongs to the dataset, not to the iterator. Whoever
    restores can begin it as often again, unless it lies behind an operation that begins its input late, or in a
    function.
    """
    graph = _graph(dataset)
    nodes = {node.name: node for node in graph.node}

    def before(name: str) -> set[str]:
        found: set[str] = set()
        waiting = list(nodes[name].input)
        while waiting:
            name = waiting.pop().partition(":")[0].removeprefix("^")
            if name not in found:
                found.add(name)
                waiting.extend(nodes[name].input)
        return found

    reshuffles = {node.name for node in graph.node if _reshuffles(node)}
    late = [node.name for node in graph.node if node.op.startswith(STARTS_LATE)]
    return not any(reshuffles & before(name) for name in late) and not any(map(_reshuffles, _in_functions(graph)))


def repeats_itself(dataset: tf.data.Dataset) -> bool:
    """Whether another process sees the same order: shuffles have seeds, and nothing may overtake."""
    graph = _graph(dataset)
    nodes = {node.name: node for node in graph.node}
    for node in graph.node:
        if node.op.startswith("Shuffle"):
            seeds = [nodes[name.partition(":")[0]] for name in node.input[2:4]]
            if all(seed.op == "Const" and not tf.make_ndarray(seed.attr["value"].tensor) for seed in seeds):
                return False
    return dataset.options().deterministic is not False


def _graph(dataset: tf.data.Dataset) -> graph_pb2.GraphDef:
    variant = tf.data.experimental.to_variant(dataset)
    serialized = tf.raw_ops.DatasetToGraphV2(input_dataset=variant, external_state_policy=1)  # which is not our concern
    return graph_pb2.GraphDef.FromString(serialized.numpy())


def _in_functions(graph: graph_pb2.GraphDef) -> Iterator[node_def_pb2.NodeDef]:
    return (node for function in graph.library.function for node in function.node_def)


def _reshuffles(node: node_def_pb2.NodeDef) -> bool:
    return RESHUFFLES in node.attr and bool(node.attr[RESHUFFLES].b)
