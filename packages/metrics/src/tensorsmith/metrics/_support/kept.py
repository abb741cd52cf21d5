"""Storage of individual samples up to a capacity, with one slot per replica."""

import tensorflow as tf
from keras import ops

from tensorsmith.core.types import Tensor, Variable
from tensorsmith.metrics._support.replicas import own_slot, slots
from tensorsmith.metrics._support.weighting import STATE


def keep(samples: Variable, seen: Variable, new: Tensor) -> None:
    """Append samples to the slot of this replica. Exceeding the capacity raises an error, except under XLA.

    Args:
        samples: Variable of shape `(replicas, capacity, columns)`.
        seen: Variable of shape `(replicas,)` with the number of stored samples.
        new: Tensor of new samples, of shape `(count, columns)`.
    """
    capacity = samples.shape[1]
    slot, count = own_slot(), ops.shape(new)[0]
    start = ops.cast(seen, "int32")[slot]
    message = f"capacity must be at least the number of samples, got {capacity} for"
    enough = tf.debugging.Assert(start + count <= capacity, [message, start + count])
    places = start + ops.arange(count, dtype="int32")
    places = ops.stack([ops.broadcast_to(slot, ops.shape(places)), places], axis=1)
    with tf.control_dependencies([enough]):  # keras.ops has no assertions
        samples.assign(ops.scatter_update(samples, places, new))
        seen.assign_add(ops.cast(count, STATE) * ops.one_hot(slot, slots(), dtype=STATE))
