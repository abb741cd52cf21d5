"""Analysis of `tf.data` pipelines, which determines whether the position of an iterator can be saved."""

from collections.abc import Iterator

import tensorflow as tf
from tensorflow.core.framework import graph_pb2, node_def_pb2

RESHUFFLES = "reshuffle_each_iteration"
STARTS_LATE = ("Shuffle", "Repeat", "Concatenate", "Cache")  # operations that create their input iterator lazily


def restores_exactly(dataset: tf.data.Dataset) -> bool:
    """Returns `True` if restoring an iterator also preserves the order of the elements in later epochs.

    The order of a shuffle depends on the number of its iterations, which is stored in the dataset and not in the
    iterator. It can be restored by iterating as often again, unless the shuffle precedes an operation that starts its
    input lazily, or is inside a function.
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
    """Returns `True` if the order of the elements is deterministic, which requires a seed in each shuffle."""
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
    serialized = tf.raw_ops.DatasetToGraphV2(input_dataset=variant, external_state_policy=1)  # ignores external state
    return graph_pb2.GraphDef.FromString(serialized.numpy())


def _in_functions(graph: graph_pb2.GraphDef) -> Iterator[node_def_pb2.NodeDef]:
    return (node for function in graph.library.function for node in function.node_def)


def _reshuffles(node: node_def_pb2.NodeDef) -> bool:
    return RESHUFFLES in node.attr and bool(node.attr[RESHUFFLES].b)
