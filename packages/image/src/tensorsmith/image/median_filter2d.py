"""Median filter."""

from collections.abc import Sequence

import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Scalar, TensorLike
from tensorsmith.image._support.checks import constant, numbers
from tensorsmith.image._support.traced import traced, with_concrete_functions
from tensorsmith.image._support.windows import padding_name, window_shape
from tensorsmith.image.utils import from_4D_image, get_ndims, to_4D_image
from tensorsmith.ops.margins import padded, unless_empty


@with_concrete_functions
def median_filter2d(
    image: TensorLike,
    filter_shape: int | Sequence[int] = (3, 3),
    padding: str = "REFLECT",
    constant_values: Scalar = 0,
    name: str | None = None,
) -> tf.Tensor:
    """Return images in which each pixel is the median of its neighborhood.

    The median of an even number of pixels is the mean of the two in the middle. The function is differentiable.

    Source: `median_filter2d` of TensorFlow Addons. The function calls `tensorsmith.ops.median_filter2d`.

    Args:
        image: Tensor of shape `(height, width)`, `(height, width, channels)` or `(batch, height, width, channels)`. The
            rank may be unknown.
        filter_shape: Height and width of the neighborhood, or one number for both. With an even size, it extends one
            pixel further to the bottom or right.
        padding: Pixels outside of the image: "REFLECT", "CONSTANT" or "SYMMETRIC", as in `numpy.pad`.
        constant_values: Number with which `padding="CONSTANT"` fills.
        name: Name scope of the operations.

    Returns:
        A tensor with the shape and dtype of the image. Integers are rounded toward zero. If a neighborhood contains
        NaN, the result is NaN.

    Raises:
        ValueError: If the image does not have rank 2, 3 or 4, `filter_shape` is not one or two positive integers, the
            padding is unknown, or `constant_values` is not in the range of the dtype of the image.
        TypeError: If `filter_shape` is `None`.

    Example:
        >>> print(median_filter2d([[1.0, 2.0, 3.0], [4.0, 5.0, 90.0], [7.0, 8.0, 9.0]]).numpy()[1])
        [5. 5. 5.]
    """
    window = window_shape(filter_shape)
    with tf.name_scope(name or "median_filter2d"):
        image = numbers("image", image)
        check(not image.dtype.is_bool, "image", Verbatim("dtype bool"), "of a floating-point or integer dtype")
        mode = padding_name(padding)
        value = tf.cast(constant("constant_values", constant_values, image.dtype), image.dtype)
        medians = _medians(to_4D_image(image), value, window, mode)
        return from_4D_image(medians, get_ndims(image))


@traced
def _medians(batch: tf.Tensor, value: tf.Tensor, window: tuple[int, int], padding: str) -> tf.Tensor:
    def medians(batch: tf.Tensor) -> tf.Tensor:
        result = ops.median_filter2d(padded(batch, window, padding, value), window)
        return tf.ensure_shape(result, batch.shape)

    return unless_empty(medians, batch, batch.dtype)
