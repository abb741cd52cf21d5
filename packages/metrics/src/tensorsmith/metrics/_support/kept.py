"""Storage of the individual samples of a metric, up to a maximum number per replica."""

import tensorflow as tf
from keras import ops

from tensorsmith.core.types import Tensor, Variable
from tensorsmith.metrics._support.replicas import own_slot, slots
from tensorsmith.metrics._support.weighting import STATE


def keep(samples: Variable, seen: Variable, new: Tensor) -> None:
    """Append samples to the storage of the current replica. Exceeding the capacity raises an error, except under XLA.

    Args:
        samples: Variable that stores samples, of shape `(replicas, capacity, columns)`.
        seen: Variable with the number of stored samples, of shape `(replicas,)`.
        new: Tensor of samples to add, of shape `(count, columns)`.
    """
    capacity = samples.shape[1]
    slot, count = own_slot(), ops.shape(new)[0]
    start = ops.cast(seen, "int32")[slot]
    message = f"capacity must be at least the number of samples, got {capacity} for"
    enough = tf.debugging.Assert(start + count <= capacity, [message, start + count])
    positions = start + ops.arange(count, dtype="int32")
    # Pairs (slot, index) of the new samples: (count, 2).
    positions = ops.stack([ops.broadcast_to(slot, ops.shape(positions)), positions], axis=1)
    with tf.control_dependencies([enough]):  # keras.ops has no assertions
        samples.assign(ops.scatter_update(samples, positions, new))
        # The one-hot vector changes only the count of this replica.
        seen.assign_add(ops.cast(count, STATE) * ops.one_hot(slot, slots(), dtype=STATE))
