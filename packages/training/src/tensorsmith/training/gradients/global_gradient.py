"""Gradients summed over replicas: collection, global norm and clipping."""

import contextlib
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import check
from tensorsmith.core.types import Gradient
from tensorsmith.training.gradients.optimizers_within import optimizers_within
from tensorsmith.training.gradients.patched_updates import patched_updates

CLIPPING = ("clipnorm", "global_clipnorm", "clipvalue")


class Listener:
    """Replacement for `apply_gradients` that records the all-reduced gradients of each replica.

    Keras clips the gradients of each replica before summing them. With this replacement, an optimizer that clips
    receives the sum on each replica, divided by the number of replicas, like its thresholds, so that it clips the
    global gradient.

    Args:
        optimizer: Optimizer whose `apply_gradients` method the step calls.

    Attributes:
        heard: Mapping from threads to recorded gradients. Each replica runs in its own thread.
    """

    def __init__(self, optimizer: keras.optimizers.Optimizer) -> None:
        self.heard: dict[int, list[Any]] = {}
        self._apply_gradients = optimizer.apply_gradients
        self._thresholds = thresholds(optimizer)
        self._set_thresholds(tf.distribute.get_replica_context().num_replicas_in_sync)
        self._place = contextlib.ExitStack()
        self._place.enter_context(patched_updates(optimizer, self))

    def __call__(self, grads_and_vars: Iterable[tuple[Any, Any]]) -> Any:
        """Records the gradients of a replica and passes them to the optimizer."""
        gradients, variables = zip(*grads_and_vars, strict=True)
        heard = [gradient for gradient in gradients if gradient is not None]
        replica = tf.distribute.get_replica_context()
        replicas = replica.num_replicas_in_sync
        if replicas > 1:
            heard = replica.all_reduce("SUM", heard)
            if self._thresholds:
                parts = iter([_divided(gradient, replicas) for gradient in heard])
                gradients = tuple(None if gradient is None else next(parts) for gradient in gradients)
        self.heard[threading.get_ident()] += heard
        return self._apply_gradients(zip(gradients, variables, strict=True))

    def leave(self) -> None:
        """Restores the original `apply_gradients` method and clipping thresholds."""
        self._set_thresholds(1)
        self._place.close()

    def _set_thresholds(self, replicas: int) -> None:
        for optimizer, name, value in self._thresholds:
            setattr(optimizer, name, value / replicas)


def thresholds(optimizer: keras.optimizers.Optimizer) -> list[tuple[Any, str, float]]:
    """Returns the clipping thresholds of an optimizer, including its inner optimizers."""
    found = [(each, name, getattr(each, name)) for each in optimizers_within(optimizer) for name in CLIPPING]
    return [(each, name, value) for each, name, value in found if value is not None]


@contextlib.contextmanager
def collected_gradients(optimizer: keras.optimizers.Optimizer) -> Iterator[list[Any]]:
    """Context manager in which the gradients passed to `apply_gradients` are also appended to a list."""
    listener = vars(optimizer).get("apply_gradients")
    listener = listener if isinstance(listener, Listener) else Listener(optimizer)
    replica = threading.get_ident()
    listener.heard[replica] = []
    try:
        yield listener.heard[replica]
    finally:
        del listener.heard[replica]
        if not listener.heard:
            listener.leave()


def norm_of(gradients: list[Any], optimizer: keras.optimizers.Optimizer) -> tf.Tensor:
    """Returns the global norm of unclipped gradients in float32, with the loss scale removed.

    Raises:
        ValueError: If there are no gradients.
    """
    expected = "False for training steps that pass no gradient to the model's optimizer"
    check(bool(gradients), "gradient_norm", True, expected)
    norm = tf.linalg.global_norm([_dense(gradient) for gradient in gradients])
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        norm /= tf.cast(optimizer.dynamic_scale, tf.float32)
    return norm


def _dense(gradient: Gradient) -> tf.Tensor:
    return tf.cast(tf.convert_to_tensor(gradient), tf.float32)  # sums duplicate indices


def _divided(gradient: Gradient, number: int) -> Gradient:
    if isinstance(gradient, tf.IndexedSlices):
        return tf.IndexedSlices(gradient.values / number, gradient.indices, gradient.dense_shape)
    return gradient / number
