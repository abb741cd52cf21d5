"""What a tf.data pipeline consists of, as far as it decides whether its position can be saved."""

import tensorflow as tf
from tensorflow.core.framework import graph_pb2

RESHUFFLES = "reshuffle_each_iteration"
STARTS_LATE = ("Shuffle", "Repeat", "Concatenate")  # these begin their input only when they first need it


def restores_exactly(dataset: tf.data.Dataset) -> bool:
    """Whether a restored iterator brings later epochs back as well.

    A shuffle orders each epoch by how often it has begun, which belongs to the dataset, not to the iterator. Whoever
    restores can begin it as often again, unless it lies behind an operation that begins its input late.
    """
    variant = tf.data.experimental.to_variant(dataset)
    serialized = tf.raw_ops.DatasetToGraphV2(input_dataset=variant, external_state_policy=1)  # which is not our concern
    nodes = {node.name: node for node in graph_pb2.GraphDef.FromString(serialized.numpy()).node}

    def before(name: str) -> set[str]:
        found: set[str] = set()
        waiting = list(nodes[name].input)
        while waiting:
            name = waiting.pop().partition(":")[0].removeprefix("^")
            if name not in found:
                found.add(name)
                waiting.extend(nodes[name].input)
        return found

    reshuffles = {name for name, node in nodes.items() if RESHUFFLES in node.attr and node.attr[RESHUFFLES].b}
    late = [name for name, node in nodes.items() if node.op.startswith(STARTS_LATE)]
    return not any(reshuffles & before(name) for name in late)
