"""Layer and RMS normalization over the last axis, with the addition of a residual before it."""

from functools import partial

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops.dispatch import FLOATS, compiled
from tensorsmith.ops.gradients import vjp
from tensorsmith.ops.library import library


def layer_norm(
    x: TensorLike,
    scale: TensorLike | None = None,
    offset: TensorLike | None = None,
    *,
    residual: TensorLike | None = None,
    epsilon: float = 1e-3,
) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
    """Normalizes over the last axis: mean 0, variance 1, then scale and offset.

    Formula, over the last axis, of x or of x + residual:

        y = scale * (x - mean(x)) / sqrt(variance(x) + epsilon) + offset

    Sums are in float32 for half types. Source: Ba et al., "Layer Normalization", 2016.

    Args:
        x: Tensor (..., width) of float32, float16, bfloat16 or float64.
        scale: Tensor (width,); ones if None.
        offset: Tensor (width,); zeros if None.
        residual: Tensor like `x` that is added to it first.
        epsilon: What keeps the root from zero.

    Returns:
        The normalized tensor, like `x`; with a residual, the pair of it and `x + residual`.

    Raises:
        ValueError: `x` is a scalar, or another argument does not fit it.

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
    """Divides by the root mean square over the last axis, then scales.

    Formula, over the last axis, of x or of x + residual:

        y = scale * x / sqrt(mean(x²) + epsilon)

    Source: Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019.

    Arguments, result and errors are those of `layer_norm`.

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
    check(x.dtype.is_floating, "x", x.dtype.name, "a tensor of floating type")
    check(x.shape.rank != 0, "x", "a scalar", "a tensor of rank 1 or more")
    check(epsilon >= 0, "epsilon", epsilon, "a number of 0 or more")
    width = x.shape[-1] if x.shape.rank is not None else None
    inner = tf.float64 if x.dtype == tf.float64 else tf.float32
    size = tf.shape(x)[-1:] if width is None else [width]
    gain = tf.ones(size, inner) if scale is None else tf.cast(scale, inner)
    shift = tf.zeros(size, inner) if offset is None else tf.cast(offset, inner)
    for name, value in (("scale", gain), ("offset", shift)):
        fits = value.shape.is_compatible_with([width])
        check(fits, name, Verbatim(value.shape), f"shape ({width},), the last axis of `x`")
    tensors = [x]
    if residual is not None:
        added = tf.convert_to_tensor(residual, x.dtype)
        check(
            added.shape.is_compatible_with(x.shape), "residual", Verbatim(added.shape), f"the shape of `x`, {x.shape}"
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
        total = tf.add_n(tensors)
        y = _reference(total, gain, shift, epsilon, center)
    return y if residual is None else (y, total)


def _reference(total: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, epsilon: float, center: bool) -> tf.Tensor:
    """The twin in plain TensorFlow."""
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
    twin = partial(_reference, epsilon=op.get_attr("epsilon"), center=op.get_attr("center"))

    def gradient(dy: tf.Tensor, total: tf.Tensor, scale: tf.Tensor) -> list[tf.Tensor]:
        return vjp(twin, [total, scale, tf.zeros_like(scale)], dy)

    # mean and rstd are functions of total, and the twin works them out anew: nothing flows back through them.
    return [*vjp(gradient, [dy, total, scale], list(upstream)), None, None, *[upstream[0]] * len(dtotal)]
