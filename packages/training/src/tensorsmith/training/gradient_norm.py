"""The norm of the gradient that a step hands to its optimizer."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import check


@contextlib.contextmanager
def handed_over(optimizer: keras.optimizers.Optimizer) -> Iterator[list[Any]]:
    """Within it, a list is filled with all gradients that `apply_gradients` is called with."""
    found: list[Any] = []
    apply_gradients = optimizer.apply_gradients

    def listen(grads_and_vars: Iterable[tuple[Any, Any]]) -> Any:
        pairs = list(grads_and_vars)
        found.extend(gradient for gradient, _ in pairs if gradient is not None)
        return apply_gradients(pairs)

    optimizer.apply_gradients = listen
    try:
        yield found
    finally:
        del optimizer.apply_gradients


def norm_of(gradients: list[Any], optimizer: keras.optimizers.Optimizer) -> tf.Tensor:
    """Their Euclidean norm before clipping, without the scale of the loss, in float32.

    Raises:
        ValueError: There are none.
    """
    expected = "False where steps hand no gradient to the model's optimizer"
    check(bool(gradients), "gradient_norm", True, expected)
    norm = tf.linalg.global_norm([_dense(gradient) for gradient in gradients])
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        norm /= tf.cast(optimizer.dynamic_scale, tf.float32)
    return norm


def _dense(gradient: Any) -> tf.Tensor:
    return tf.cast(tf.convert_to_tensor(gradient), tf.float32)  # slices of one row are summed first
