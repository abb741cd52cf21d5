"""Decorator for filters that are compiled by `tf.function`, as in TensorFlow Addons."""

import functools
from collections.abc import Callable, Sequence

import tensorflow as tf

from tensorsmith.core.types import Scalar, TensorLike
from tensorsmith.image._support.traced import traced
from tensorsmith.image._support.windows import window_shape


def traced_filter(function: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    """Compile a filter by `tf.function`, with a separate trace for each window.

    `tf.function` would convert NumPy integers in `filter_shape` to tensors, whose values are unknown while it traces.
    """
    compiled = traced(function)

    @functools.wraps(function)
    def call(
        image: TensorLike,
        filter_shape: int | Sequence[int] = (3, 3),
        padding: str = "REFLECT",
        constant_values: Scalar = 0,
        name: str | None = None,
    ) -> tf.Tensor:
        return compiled(image, window_shape(filter_shape), padding, constant_values, name)

    call.get_concrete_function = compiled.get_concrete_function  # type: ignore[attr-defined]
    return call
