"""Decorators for functions that are compiled by `tf.function`, and that have `get_concrete_function`."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import tensorflow as tf

from tensorsmith import ops


def traced(function: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    """Compile a function of tensors and options by `tf.function` in eager mode. In graphs, it is called as it is.

    There is a `tf.function` for each combination of dtypes, ranks and options, and for each of them another one for
    kernels and for reference implementations, which must not be used in place of each other. Each of them is traced at
    most twice: for the shapes of its first call, and for unknown shapes. TensorFlow, which warns of functions that are
    traced often, counts the traces of each of them separately, because a `partial` has no source line of its own.
    """
    functions: dict[Any, tuple[list[tf.TensorShape], Callable[..., tf.Tensor], Callable[..., tf.Tensor]]] = {}

    @wraps(function)
    def call(*args: Any) -> tf.Tensor:
        if tf.inside_function():
            return function(*args)
        tensors = [value for value in args if tf.is_tensor(value)]
        options = args[len(tensors) :]  # after the tensors
        shapes = [tensor.shape for tensor in tensors]
        specs = [tf.TensorSpec([None] * tensor.shape.rank, tensor.dtype) for tensor in tensors]
        key = ops.compiled(), options, tuple(specs)
        if key not in functions:
            compiled = [
                tf.function(partial(_with_options, function, options), autograph=False, input_signature=signature)
                for signature in (None, specs)
            ]
            functions[key] = shapes, compiled[0], compiled[1]
        first_shapes, exact, general = functions[key]
        return (exact if shapes == first_shapes else general)(*tensors)

    return call


def _with_options(function: Callable[..., tf.Tensor], options: tuple[Any, ...], *tensors: tf.Tensor) -> tf.Tensor:
    return function(*tensors, *options)


def with_concrete_functions(function: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    """Add the method `get_concrete_function` of `tf.function`, which functions of TensorFlow Addons have."""

    @tf.autograph.experimental.do_not_convert  # AutoGraph takes up to a second, and these functions do not need it
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> tf.Tensor:
        return function(*args, **kwargs)

    def get_concrete_function(*args: Any, **kwargs: Any) -> Any:
        # A new function each time, because traces with kernels must not be reused in `ops.use("reference")`.
        return tf.function(function, autograph=False).get_concrete_function(*args, **kwargs)

    call.get_concrete_function = get_concrete_function
    return call
