"""Op that filters images by weights along the height and weights along the width."""

from functools import partial
from typing import Any

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Scalar, TensorLike
from tensorsmith.ops._support.gradients import vjp
from tensorsmith.ops.arguments import of_rank
from tensorsmith.ops.dispatch import FLOATS, compiled
from tensorsmith.ops.library import library
from tensorsmith.ops.margins import PADDINGS, padded, unless_empty

TYPES = (tf.uint8, tf.float64, *FLOATS)


def separable_filter2d(
    images: TensorLike,
    height_weights: TensorLike,
    width_weights: TensorLike,
    padding: str = "reflect",
    fill_value: Scalar = 0.0,
) -> tf.Tensor:
    """Filters images by weights along the height and weights along the width.

    The result is the sum over i and j of

        height_weights[i] * width_weights[j] * images[:, y + i - top, x + j - left]

    where `top` and `left` are the integer halves of the numbers of weights minus 1. The filter along the width comes
    first. Computations are done in float64 for float64 images and in float32 for all others. On x86-64, the results of
    the kernel depend neither on the number of threads nor on the instruction set. The op is differentiable with respect
    to floating-point images, the weights and the fill value, by TensorFlow's gradient of the reference implementation.

    Args:
        images: Tensor of shape `(batch, height, width, channels)` of integers or floating-point numbers. The kernel
            supports uint8, float32, float16, bfloat16 and float64. Other integers are converted to float32.
        height_weights: Weights along the height, a tensor of shape `(rows,)` with a statically known, positive size.
        width_weights: Weights along the width, a tensor of shape `(columns,)` with a statically known, positive size.
        padding: Pixels outside of the image `a b c d`: `"reflect"` (`c b | a b c d | c b`), `"constant"`
            (`k k | a b c d | k k`) or `"symmetric"` (`b a | a b c d | d c`). Small images are reflected repeatedly.
        fill_value: Number k with which `padding="constant"` fills, which need not be an integer.

    Returns:
        A tensor with the shape and dtype of the images. Integers are rounded to the nearest integer, and clipped to the
        range of their dtype.

    Raises:
        ValueError: If a shape, a dtype or `padding` is invalid.
        tf.errors.InvalidArgumentError: If a shape that is unknown when the op is traced is invalid.

    Example:
        >>> images = [[[[0.0], [4.0], [0.0], [8.0]]]]  # one image of 1 x 4 pixels
        >>> print(separable_filter2d(images, [1.0], [0.25, 0.5, 0.25]).numpy().ravel())
        [2. 2. 3. 4.]
    """
    images = tf.convert_to_tensor(images)
    expected = "have shape (batch, height, width, channels)"
    check(images.shape.rank in (4, None), "images", Verbatim(f"shape {images.shape}"), expected)
    valid = images.dtype.is_floating or images.dtype.is_integer
    check(valid, "images", Verbatim(f"dtype {images.dtype.name}"), "of a floating-point or integer dtype")
    check(padding in PADDINGS, "padding", padding, f"one of {PADDINGS}")
    if images.dtype not in TYPES:
        filtered = separable_filter2d(tf.cast(images, tf.float32), height_weights, width_weights, padding, fill_value)
        return tf.saturate_cast(tf.round(filtered), images.dtype)
    dtype = tf.float64 if images.dtype == tf.float64 else tf.float32
    height_weights, width_weights, fill_value = (
        tf.cast(value, dtype) for value in (height_weights, width_weights, fill_value)
    )
    for name, weights in (("height_weights", height_weights), ("width_weights", width_weights)):
        valid = weights.shape.rank == 1 and bool(weights.shape[0])
        check(valid, name, Verbatim(f"shape {weights.shape}"), "have shape (n,), with a statically known n > 0")
    if compiled(height_weights, width_weights, fill_value, types=(dtype,)) and compiled(images, types=TYPES):
        op = library().ops.tensorsmith_separable_filter2d
        return op(images, height_weights, width_weights, fill_value, padding=PADDINGS.index(padding))
    return _reference(of_rank(images, 4), height_weights, width_weights, fill_value, padding)


def _reference(
    images: tf.Tensor, height_weights: tf.Tensor, width_weights: tf.Tensor, fill_value: tf.Tensor, padding: str
) -> tf.Tensor:
    """Reference implementation in TensorFlow, which convolves along the width and then along the height."""

    def filtered(images: tf.Tensor) -> tf.Tensor:
        window = height_weights.shape[0], width_weights.shape[0]
        result = padded(tf.cast(images, fill_value.dtype), window, padding, fill_value)
        for weights, shape in ((width_weights, (1, -1, 1, 1)), (height_weights, (-1, 1, 1, 1))):
            kernel = tf.tile(tf.reshape(weights, shape), [1, 1, tf.shape(images)[3], 1])
            result = tf.nn.depthwise_conv2d(result, kernel, (1, 1, 1, 1), "VALID")
        # TensorFlow returns a wrong shape for empty batches, which are not always known statically.
        result = tf.ensure_shape(tf.reshape(result, tf.shape(images)), images.shape)
        return result if images.dtype.is_floating else tf.round(result)

    return tf.saturate_cast(unless_empty(filtered, images, fill_value.dtype), images.dtype)


@tf.RegisterGradient("TensorsmithSeparableFilter2D")
def _gradient(op: tf.Operation, upstream: tf.Tensor) -> list[Any]:
    padding = PADDINGS[op.get_attr("padding")]
    return vjp(partial(_reference, padding=padding), list(op.inputs), upstream)
