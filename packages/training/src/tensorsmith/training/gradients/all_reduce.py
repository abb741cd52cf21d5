"""Stages that sum gradients over replicas."""

import tensorflow as tf

from tensorsmith.core.types import Gradient
from tensorsmith.training.gradients.stage import Pairs, Update


def all_reduce(proceed: Update, pairs: Pairs) -> None:
    """Stage that replaces the gradients of a replica by their sums over all replicas."""
    present = [gradient for gradient, _ in pairs if gradient is not None]
    sums = iter(tf.distribute.get_replica_context().all_reduce("SUM", present) if present else [])
    proceed([(None if gradient is None else next(sums), variable) for gradient, variable in pairs])


def keep_on_first_replica(proceed: Update, pairs: Pairs) -> None:
    """Stage that multiplies global gradients by 1 on the first replica, and by 0 on all other replicas.

    Keras optimizers process the gradients of each replica, and then sum them. Here, the first replica processes the
    global gradients, as a single device does, and the sum leaves them unchanged. Multiplication makes infinite values
    NaN on the other replicas, so that loss scaling skips the same steps on all of them.
    """
    first = tf.equal(tf.distribute.get_replica_context().replica_id_in_sync_group, 0)
    proceed([(None if gradient is None else _scaled(gradient, first), variable) for gradient, variable in pairs])


def _scaled(gradient: Gradient, first: tf.Tensor) -> Gradient:
    factor = tf.cast(first, gradient.dtype)
    if isinstance(gradient, tf.IndexedSlices):
        return tf.IndexedSlices(gradient.values * factor, gradient.indices, gradient.dense_shape)
    return gradient * factor
