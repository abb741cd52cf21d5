"""Decorators for functions that are compiled by `tf.function`, and that have `get_concrete_function`."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import tensorflow as tf

from tensorsmith import ops


def traced(function: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    """Compile a function by `tf.function` in eager mode, separately for kernels and for reference implementations.

    A single `tf.function` would reuse traces that contain kernels in `ops.use("reference")` and in exported models. In
    graphs, the function is called as it is: shapes that vary are unknown in its traces, and so would be the static
    shapes of the results.
    """
    functions = {kernels: tf.function(function, autograph=False, reduce_retracing=True) for kernels in (True, False)}

    @wraps(function)
    def call(*args: Any) -> tf.Tensor:
        return function(*args) if tf.inside_function() else functions[ops.compiled()](*args)

    return call


def with_concrete_functions(function: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    """Add the method `get_concrete_function` of `tf.function`, which functions of TensorFlow Addons have."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> tf.Tensor:
        return function(*args, **kwargs)

    def get_concrete_function(*args: Any, **kwargs: Any) -> Any:
        # A new function each time, because traces with kernels must not be reused in `ops.use("reference")`.
        return tf.function(function, autograph=False).get_concrete_function(*args, **kwargs)

    call.get_concrete_function = get_concrete_function  # type: ignore[attr-defined]
    return call
