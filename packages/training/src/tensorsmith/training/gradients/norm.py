"""Stage that records gradients, and their global norm."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

import keras
import tensorflow as tf

from tensorsmith.core import check
from tensorsmith.core.types import Gradient
from tensorsmith.training.gradients.stage import Pairs, Update

# Each replica is traced in a thread of its own, and has its own list.
_recorded: ContextVar[list[Gradient]] = ContextVar("recorded gradients")


def record(proceed: Update, pairs: Pairs) -> None:
    """Stage that appends gradients to the list of `recorded_gradients`."""
    _recorded.get().extend(gradient for gradient, _ in pairs if gradient is not None)
    proceed(pairs)


@contextlib.contextmanager
def recorded_gradients() -> Iterator[list[Gradient]]:
    """Context manager in which the stage `record` appends gradients to a list."""
    gradients: list[Gradient] = []
    token = _recorded.set(gradients)
    try:
        yield gradients
    finally:
        _recorded.reset(token)


def norm_of(gradients: list[Gradient], optimizer: keras.optimizers.Optimizer) -> tf.Tensor:
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
