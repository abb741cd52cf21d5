"""Decorator for functions that are compiled by `tf.function`, as in TensorFlow Addons."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import tensorflow as tf

from tensorsmith import ops


def traced(function: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    """Compile a function by `tf.function`, with separate traces for compiled kernels and reference implementations.

    A single `tf.function` would reuse traces that contain kernels in `ops.use("reference")` and in exported models.
    """
    functions = {kernels: tf.function(function, autograph=False, reduce_retracing=True) for kernels in (True, False)}

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> tf.Tensor:
        return functions[ops.compiled()](*args, **kwargs)

    def get_concrete_function(*args: Any, **kwargs: Any) -> Any:
        return functions[ops.compiled()].get_concrete_function(*args, **kwargs)

    call.get_concrete_function = get_concrete_function  # type: ignore[attr-defined]
    return call
