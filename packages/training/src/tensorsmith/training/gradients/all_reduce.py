"""Stages that sum gradients over replicas."""

from collections.abc import Callable

import tensorflow as tf

from tensorsmith.core.types import Gradient
from tensorsmith.training.gradients.stage import Pairs, Update


def all_reduce(proceed: Update, pairs: Pairs) -> None:
    """Stage that replaces the gradients of a replica by their sums over all replicas."""
    present = [gradient for gradient, _ in pairs if gradient is not None]
    sums = iter(tf.distribute.get_replica_context().all_reduce("SUM", present) if present else [])
    proceed([(None if gradient is None else next(sums), variable) for gradient, variable in pairs])


def keep_on_first_replica(proceed: Update, pairs: Pairs, *, overflow_on_all: bool = False) -> None:
    """Stage that passes global gradients on the first replica, and zeros on all other replicas.

    Keras optimizers process the gradients of each replica, and then sum them. Here, the first replica processes the
    global gradients, as a single device does, and the sum leaves them unchanged.

    Args:
        proceed: Following stages.
        pairs: Global gradients and variables.
        overflow_on_all: If `True`, other replicas pass NaN where a gradient is not finite, so that loss scaling skips
            the same steps on all replicas.
    """
    first = tf.equal(tf.distribute.get_replica_context().replica_id_in_sync_group, 0)

    def kept(values: tf.Tensor) -> tf.Tensor:
        if overflow_on_all:
            return values * tf.cast(first, values.dtype)
        return tf.where(first, values, tf.zeros_like(values))

    proceed([(None if gradient is None else _with_values(gradient, kept), variable) for gradient, variable in pairs])


def _with_values(gradient: Gradient, function: Callable[[tf.Tensor], tf.Tensor]) -> Gradient:
    """Returns a gradient whose values, or those of its rows, are the results of a function."""
    if isinstance(gradient, tf.IndexedSlices):
        return tf.IndexedSlices(function(gradient.values), gradient.indices, gradient.dense_shape)
    return function(gradient)
