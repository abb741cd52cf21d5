"""Samples that are kept one by one, up to a capacity, in slots for each replica."""

import tensorflow as tf
from keras import ops

from tensorsmith.core.types import Tensor, Variable
from tensorsmith.metrics._support.replicas import own_slot, slots
from tensorsmith.metrics._support.weighting import STATE


def keep(samples: Variable, seen: Variable, new: Tensor) -> None:
    """Appends to what this replica has kept; more than there is room for raises, but under XLA.

    Args:
        samples: Variable `(replicas, capacity, columns)`.
        seen: Variable `(replicas,)`: how many are kept.
        new: Samples, `(count, columns)`.
    """
    capacity = samples.shape[1]
    slot, count = own_slot(), ops.shape(new)[0]
    start = ops.cast(seen, "int32")[slot]
    message = f"`capacity`: received {capacity}, expected as many as there are samples, which are so far"
    enough = tf.debugging.Assert(start + count <= capacity, [message, start + count])
    places = start + ops.arange(count, dtype="int32")
    places = ops.stack([ops.broadcast_to(slot, ops.shape(places)), places], axis=1)
    with tf.control_dependencies([enough]):  # keras.ops has no assertion
        samples.assign(ops.scatter_update(samples, places, new))
        seen.assign_add(ops.cast(count, STATE) * ops.one_hot(slot, slots(), dtype=STATE))
