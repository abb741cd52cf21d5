"""Ops for layer and RMS normalization over the last axis, with optional addition of a residual."""

from functools import partial

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops._support.gradients import vjp
from tensorsmith.ops.arguments import require_shape
from tensorsmith.ops.dispatch import FLOATS, compiled
from tensorsmith.ops.library import library


def layer_norm(
    x: TensorLike,
    scale: TensorLike | None = None,
    offset: TensorLike | None = None,
    *,
    residual: TensorLike | None = None,
    epsilon: float = 1e-3,
) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
    """Performs layer normalization over the last axis.

    Formula, over the last axis, of x or of x + residual:

        y = scale * (x - mean(x)) / sqrt(variance(x) + epsilon) + offset

    Half-precision inputs are accumulated in float32. Source: Ba et al., "Layer Normalization", 2016.

    Args:
        x: Input tensor of shape `(..., width)` and dtype float32, float16, bfloat16 or float64.
        scale: Tensor of shape `(width,)` by which the normalized values are multiplied. If `None`, ones are used.
        offset: Tensor of shape `(width,)` that is added to the scaled values. If `None`, zeros are used.
        residual: Tensor with the shape and dtype of `x`. If given, it is added to `x` before normalization.
        epsilon: Small float added to the variance for numerical stability.

    Returns:
        The normalized tensor, of the shape and dtype of `x`. If `residual` is given, a tuple of the normalized tensor
        and `x + residual`.

    Raises:
        ValueError: If `x` is a scalar, or if another argument does not match it.

    Example:
        >>> import tensorflow as tf
        >>> y = layer_norm(tf.constant([[1.0, 2.0, 3.0], [0.0, 0.0, 6.0]]), epsilon=0.0)
        >>> print(y.numpy().round(4))
        [[-1.2247  0.      1.2247]
         [-0.7071 -0.7071  1.4142]]
    """
    return _normalize(x, scale, offset, residual, epsilon, center=True)


def rms_norm(
    x: TensorLike, scale: TensorLike | None = None, *, residual: TensorLike | None = None, epsilon: float = 1e-6
) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
    """Performs root mean square (RMS) normalization over the last axis.

    Formula, over the last axis, of x or of x + residual:

        y = scale * x / sqrt(mean(x²) + epsilon)

    Source: Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019.

    The arguments, return values and exceptions are the same as for `layer_norm`.

    Example:
        >>> import tensorflow as tf
        >>> print(rms_norm(tf.constant([3.0, 4.0]), epsilon=0.0).numpy().round(4))
        [0.8485 1.1314]
    """
    return _normalize(x, scale, None, residual, epsilon, center=False)


def _normalize(
    x: TensorLike,
    scale: TensorLike | None,
    offset: TensorLike | None,
    residual: TensorLike | None,
    epsilon: float,
    center: bool,
) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
    x = tf.convert_to_tensor(x)
    check(x.dtype.is_floating, "x", x.dtype.name, "have a floating-point dtype")
    check(x.shape.rank != 0, "x", Verbatim("a scalar"), "a tensor of rank >= 1")
    check(epsilon >= 0, "epsilon", epsilon, "a non-negative number")
    width = x.shape[-1] if x.shape.rank is not None else None
    inner = tf.float64 if x.dtype == tf.float64 else tf.float32
    size = tf.shape(x)[-1:] if width is None else [width]
    gain = tf.ones(size, inner) if scale is None else tf.cast(scale, inner)
    shift = tf.zeros(size, inner) if offset is None else tf.cast(offset, inner)
    for name, value in (("scale", gain), ("offset", shift)):
        fits = value.shape.is_compatible_with([width])
        check(fits, name, Verbatim(value.shape), f"have shape ({width},) to match the last axis of `x`")
    tensors = [x]
    if residual is not None:
        added = tf.convert_to_tensor(residual, x.dtype)
        check(
            added.shape.is_compatible_with(x.shape),
            "residual",
            Verbatim(added.shape),
            f"have shape {x.shape} to match `x`",
        )
        tensors.append(added)
    if compiled(*tensors, types=FLOATS):
        y, total, _, _ = library().ops.tensorsmith_layer_norm(
            x=x,
            residual=tensors[1:],
            scale=gain,
            offset=shift if center else shift[:0],
            epsilon=epsilon,
            center=center,
        )
    else:
        for name, value in (("scale", gain), ("offset", shift)):
            require_shape(name, value, tf.shape(x)[-1:])
        for added in tensors[1:]:
            require_shape("residual", added, tf.shape(x))
        total = tf.add_n(tensors)
        y = _reference(total, gain, shift, epsilon, center)
    return y if residual is None else (y, total)


def _reference(total: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, epsilon: float, center: bool) -> tf.Tensor:
    """Reference implementation of layer and RMS normalization in TensorFlow."""
    values = tf.cast(total, scale.dtype)
    if center:
        values -= tf.reduce_mean(values, axis=-1, keepdims=True)
    normal = values * tf.math.rsqrt(tf.reduce_mean(values * values, axis=-1, keepdims=True) + epsilon)
    return tf.cast(normal * scale + offset, total.dtype)


@tf.RegisterGradient("TensorsmithLayerNorm")
def _gradient(op: tf.Operation, dy: tf.Tensor, dtotal: tf.Tensor, *unused: tf.Tensor) -> list[tf.Tensor]:
    _, total, mean, rstd = op.outputs
    *_, scale, _ = op.inputs
    residuals, center = len(op.inputs) - 3, op.get_attr("center")
    dx, dscale, doffset = library().ops.tensorsmith_layer_norm_grad(
        dy=dy,
        total=total,
        scale=scale,
        mean=mean,
        rstd=rstd,
        dtotal=[dtotal] * residuals,
        epsilon=op.get_attr("epsilon"),
        center=center,
    )
    return [dx, *[dx] * residuals, dscale, doffset if center else doffset[:0]]


@tf.RegisterGradient("TensorsmithLayerNormGrad")
def _second_gradient(op: tf.Operation, *upstream: tf.Tensor) -> list[tf.Tensor | None]:
    dy, total, scale, _, _, *dtotal = op.inputs
    reference = partial(_reference, epsilon=op.get_attr("epsilon"), center=op.get_attr("center"))

    def gradient(dy: tf.Tensor, total: tf.Tensor, scale: tf.Tensor) -> list[tf.Tensor]:
        return vjp(reference, [total, scale, tf.zeros_like(scale)], dy)

    # The reference implementation recomputes mean and rstd from total. They receive no gradient of their own.
    return [*vjp(gradient, [dy, total, scale], list(upstream)), None, None, *[upstream[0]] * len(dtotal)]
