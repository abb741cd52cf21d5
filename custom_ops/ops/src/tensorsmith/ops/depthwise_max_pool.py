"""Op for max pooling over channels, with a gradient on CPU."""

from typing import Any

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops._support.gradients import vjp
from tensorsmith.ops.dispatch import FLOATS, compiled
from tensorsmith.ops.library import library


def depthwise_max_pool(x: TensorLike, pool_size: int, stride: int | None = None, padding: str = "valid") -> tf.Tensor:
    """Performs max pooling over windows of channels along the last axis.

    With it, a network can learn to be invariant to the differences between filters for the same feature, such as
    rotation, thickness or brightness. The gradient is passed to the first of equal maxima.

    Args:
        x: Input tensor of shape `(..., channels)` and dtype float32, float16, bfloat16 or float64.
        pool_size: Number of channels in a window.
        stride: Distance between adjacent windows, in channels. If `None`, `pool_size` is used.
        padding: `"valid"` or `"same"`. With `"valid"`, only complete windows are used. With `"same"`, there are
            `channels / stride` outputs, rounded up, and windows are truncated at both ends as in TensorFlow.

    Returns:
        A tensor of shape `(..., windows)`.

    Raises:
        ValueError: If `pool_size` or `stride` is not a positive integer, `padding` is unknown, or `x` is a scalar.

    Example:
        >>> print(depthwise_max_pool([[1.0, 5.0, 2.0, 4.0, 3.0]], 2).numpy())
        [[5. 4.]]
        >>> print(depthwise_max_pool([[1.0, 5.0, 2.0, 4.0, 3.0]], 3, 2, "same").numpy())
        [[5. 5. 4.]]
    """
    x = tf.convert_to_tensor(x)
    stride = pool_size if stride is None else stride
    for name, size in (("pool_size", pool_size), ("stride", stride)):
        check(isinstance(size, int) and 0 < size < 2**31, name, size, "a positive integer less than 2^31")
    check(padding in ("valid", "same"), "padding", padding, "'valid' or 'same'")
    check(x.dtype.is_floating, "x", x.dtype.name, "have a floating-point dtype")
    check(x.shape.rank != 0, "x", Verbatim("a scalar"), "a tensor of rank >= 1")
    options: dict[str, Any] = {"pool_size": pool_size, "stride": stride, "same": padding == "same"}
    if compiled(x, types=FLOATS):
        y = library().ops.tensorsmith_depthwise_max_pool(x, **options)
    else:
        y = _reference(x, **options)
    if x.shape.rank is not None:
        channels = x.shape[-1]
        y.set_shape([*x.shape[:-1], None if channels is None else len(_windows(channels, **options))])
    return y


def _windows(channels: int, pool_size: int, stride: int, same: bool) -> list[range]:
    """Returns the channel indices of each pooling window."""
    if not same:
        return [range(first, first + pool_size) for first in range(0, channels - pool_size + 1, stride)]
    count = -(-channels // stride)
    before = max((count - 1) * stride + pool_size - channels, 0) // 2
    starts = [i * stride - before for i in range(count)]
    return [range(max(start, 0), min(start + pool_size, channels)) for start in starts]


def _reference(x: tf.Tensor, pool_size: int, stride: int, same: bool) -> tf.Tensor:
    """Reference implementation of depthwise max pooling in TensorFlow. Truncated windows are padded."""
    if x.shape[-1] is not None and not _windows(x.shape[-1], pool_size, stride, same):
        return x[..., :0]  # TensorFlow has no gradient for a gather of nothing
    channels = tf.shape(x, tf.int64)[-1]
    size = tf.minimum(tf.constant(pool_size, tf.int64), 2 * channels + 1)  # larger windows have the same results
    if same:
        count = -(-channels // stride)
        before = tf.maximum((count - 1) * stride + size - channels, 0) // 2
    else:
        count, before = tf.maximum((channels - size) // stride + 1, 0), 0
    starts = tf.range(count) * stride - before
    first, last = tf.maximum(starts, 0), tf.minimum(starts + size, channels) - 1
    indices = tf.clip_by_value(starts[:, tf.newaxis] + tf.range(size), first[:, tf.newaxis], last[:, tf.newaxis])
    windows = tf.gather(tf.reshape(x, [tf.reduce_prod(tf.shape(x, tf.int64)[:-1]), channels]), indices, axis=-1)
    unknown = tf.math.is_nan(windows)  # NaN is treated as the maximum
    heights = tf.where(tf.reduce_any(unknown, axis=-1, keepdims=True), tf.cast(unknown, x.dtype), windows)
    first_best = tf.one_hot(tf.argmax(heights, axis=-1), tf.cast(size, tf.int32), on_value=True, off_value=False)
    tops = tf.reduce_sum(tf.where(first_best, windows, 0), axis=-1)
    return tf.reshape(tops, tf.concat([tf.shape(x, tf.int64)[:-1], [count]], axis=0))


def _options(op: tf.Operation) -> dict[str, Any]:
    return {name: op.get_attr(name) for name in ("pool_size", "stride", "same")}


@tf.RegisterGradient("TensorsmithDepthwiseMaxPool")
def _gradient(op: tf.Operation, dy: tf.Tensor) -> tf.Tensor:
    return library().ops.tensorsmith_depthwise_max_pool_grad(dy, op.inputs[0], **_options(op))


@tf.RegisterGradient("TensorsmithDepthwiseMaxPoolGrad")
def _second_gradient(op: tf.Operation, upstream: tf.Tensor) -> list[tf.Tensor | None]:
    dy, x = op.inputs
    (ddy,) = vjp(lambda dy: vjp(lambda x: _reference(x, **_options(op)), [x], dy)[0], [dy], upstream)
    return [ddy, None]  # the maximum is piecewise linear
