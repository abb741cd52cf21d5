"""Op for the medians of windows of images."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core import Verbatim, check, is_integer
from tensorsmith.core.types import TensorLike
from tensorsmith.ops._support.gradients import vjp
from tensorsmith.ops.arguments import of_rank
from tensorsmith.ops.dispatch import FLOATS, compiled
from tensorsmith.ops.library import library

TYPES = (tf.uint8, tf.int32, tf.float64, *FLOATS)


def median_filter2d(images: TensorLike, window: tuple[int, int]) -> tf.Tensor:
    """Computes the median of each complete window of images.

    The median of an even number of pixels is the mean of the two in the middle, which is rounded toward zero for
    integers. If a window contains NaN, its median is NaN. The gradient is passed to the first of equal pixels, and is
    computed by TensorFlow.

    Source: Huang, Yang and Tang, "A Fast Two-Dimensional Median Filtering Algorithm", 1979, for large windows of bytes.

    Args:
        images: Tensor of shape `(batch, height, width, channels)` and dtype uint8, int32, float32, float16, bfloat16 or
            float64. Other dtypes of numbers use the reference implementation.
        window: Height and width of the windows, which must not be larger than the images.

    Returns:
        A tensor of shape `(batch, height - window[0] + 1, width - window[1] + 1, channels)` with the dtype of the
        images.

    Raises:
        ValueError: If the images do not have rank 4, or `window` is not a pair of positive integers, or is larger than
            the images.

    Example:
        >>> images = tf.reshape([1.0, 2.0, 3.0, 9.0, 5.0, 4.0], [1, 2, 3, 1])
        >>> print(median_filter2d(images, (2, 2)).numpy().ravel())
        [3.5 3.5]
    """
    images = tf.convert_to_tensor(images)
    valid = isinstance(window, Sequence) and len(window) == 2 and all(is_integer(size) and size > 0 for size in window)
    check(valid, "window", window, "a pair of positive integers")
    height, width = int(window[0]), int(window[1])
    expected = "have shape (batch, height, width, channels)"
    check(images.shape.rank in (4, None), "images", Verbatim(images.shape), expected)
    sizes: list[int | None] = images.shape[1:3].as_list() if images.shape.rank else [None, None]
    results = [None if size is None else size - least + 1 for size, least in zip(sizes, (height, width), strict=True)]
    fits = all(size is None or size > 0 for size in results)
    check(fits, "images", Verbatim(images.shape), f"at least as large as the window {height} x {width}")
    if compiled(images, types=TYPES):
        medians = library().ops.tensorsmith_median_filter2d(images, window_height=height, window_width=width)
    else:
        medians = _reference(of_rank(images, 4), height, width)
    medians.set_shape([None, *results, None])
    return medians


def _reference(images: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Reference implementation in TensorFlow of the medians of windows."""
    patches = tf.image.extract_patches(images, (1, height, width, 1), (1, 1, 1, 1), (1, 1, 1, 1), "VALID")
    size, area = tf.shape(patches), height * width
    patches = tf.reshape(patches, [size[0], size[1], size[2], area, tf.shape(images)[3]])
    # The larger half in descending order, along the last axis.
    upper = tf.math.top_k(tf.transpose(patches, [0, 1, 2, 4, 3]), area // 2 + 1).values
    median = upper[..., -1]
    if area % 2 == 0:
        # In a wider type, because the sum of two pixels may overflow.
        wide = images.dtype if images.dtype in (tf.float64, tf.int64) else tf.float32
        wide = wide if images.dtype.is_floating else tf.int64
        total = tf.cast(median, wide) + tf.cast(upper[..., -2], wide)
        median = tf.cast(total / 2 if wide.is_floating else tf.truncatediv(total, 2), images.dtype)
    if images.dtype.is_floating:
        unknown = tf.reduce_any(tf.math.is_nan(patches), axis=3)
        median = tf.where(unknown, tf.constant(float("nan"), images.dtype), median)
    return median


@tf.RegisterGradient("TensorsmithMedianFilter2D")
def _gradient(op: tf.Operation, upstream: tf.Tensor) -> list[Any]:
    height, width = op.get_attr("window_height"), op.get_attr("window_width")
    return vjp(lambda images: _reference(images, height, width), [op.inputs[0]], upstream)
