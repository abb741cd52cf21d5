"""Op for the Gaussian error linear unit, with an optional bias that is added first."""

import math
from functools import partial

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops._support.gradients import vjp
from tensorsmith.ops.dispatch import FLOATS, compiled
from tensorsmith.ops.library import library


def gelu(x: TensorLike, bias: TensorLike | None = None, *, approximate: bool = False) -> tf.Tensor:
    """Computes the Gaussian error linear unit of `x + bias`.

    Formula, with z = x + bias:

        y = z (1 + erf(z / sqrt(2))) / 2

    or, if `approximate` is `True`:

        y = z (1 + tanh(sqrt(2 / pi) (z + 0.044715 z³))) / 2

    Half-precision inputs are computed in float32. Source: Hendrycks and Gimpel, "Gaussian Error Linear Units (GELUs)",
    2016.

    Args:
        x: Input tensor of shape `(..., width)` and dtype float32, float16, bfloat16 or float64.
        bias: Tensor of shape `(width,)` that is added to `x`. If `None`, nothing is added.
        approximate: If `True`, use the approximation with tanh.

    Returns:
        A tensor of the shape and dtype of `x`.

    Raises:
        ValueError: If `x` is not of a floating-point dtype, or if `bias` does not match it.

    Example:
        >>> import tensorflow as tf
        >>> print(gelu(tf.constant([-1.0, 0.0, 2.0])).numpy().round(4))
        [-0.1587  0.      1.9545]
    """
    x = tf.convert_to_tensor(x)
    check(x.dtype.is_floating, "x", x.dtype.name, "have a floating-point dtype")
    inner = tf.float64 if x.dtype == tf.float64 else tf.float32
    shift = tf.zeros([0], inner)
    if bias is not None:
        shift = tf.cast(bias, inner)
        width = x.shape[-1:] if x.shape.rank != 0 else None
        fits = width is not None and shift.shape.is_compatible_with(width)
        check(fits, "bias", Verbatim(shift.shape), f"have shape {width} to match the last axis of `x`")
    if compiled(x, types=FLOATS):
        return library().ops.tensorsmith_gelu(x=x, bias=shift, approximate=approximate)
    return _reference(x, shift, approximate)


def _reference(x: tf.Tensor, bias: tf.Tensor, approximate: bool) -> tf.Tensor:
    """Reference implementation in TensorFlow."""
    z = tf.cast(x, bias.dtype)
    if bias.shape[0] != 0:
        z += bias
    if approximate:
        factor = 1 + tf.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z * z * z))
    else:
        factor = 1 + tf.math.erf(z / math.sqrt(2))
    return tf.cast(0.5 * z * factor, x.dtype)


@tf.RegisterGradient("TensorsmithGelu")
def _gradient(op: tf.Operation, dy: tf.Tensor) -> list[tf.Tensor]:
    x, bias = op.inputs
    return list(library().ops.tensorsmith_gelu_grad(dy=dy, x=x, bias=bias, approximate=op.get_attr("approximate")))


@tf.RegisterGradient("TensorsmithGeluGrad")
def _second_gradient(op: tf.Operation, *upstream: tf.Tensor) -> list[tf.Tensor]:
    reference = partial(_reference, approximate=op.get_attr("approximate"))

    def gradient(dy: tf.Tensor, x: tf.Tensor, bias: tf.Tensor) -> list[tf.Tensor]:
        return vjp(reference, [x, bias], dy)

    return vjp(gradient, list(op.inputs), list(upstream))
