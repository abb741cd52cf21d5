"""Mean filter."""

from collections.abc import Sequence

import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core.types import Scalar, TensorLike
from tensorsmith.image._support.checks import constant, numbers
from tensorsmith.image._support.traced import traced, with_concrete_functions
from tensorsmith.image._support.windows import padding_name, window_shape
from tensorsmith.image.utils import from_4D_image, get_ndims, to_4D_image


@with_concrete_functions
def mean_filter2d(
    image: TensorLike,
    filter_shape: int | Sequence[int] = (3, 3),
    padding: str = "REFLECT",
    constant_values: Scalar = 0,
    name: str | None = None,
) -> tf.Tensor:
    """Return images in which each pixel is the mean of its neighborhood.

    Source: `mean_filter2d` of TensorFlow Addons.

    Args:
        image: Tensor of shape `(height, width)`, `(height, width, channels)` or `(batch, height, width, channels)`. The
            rank may be unknown.
        filter_shape: Height and width of the neighborhood, or one number for both. With an even size, it extends one
            pixel further to the bottom or right.
        padding: Pixels outside of the image: "REFLECT", "CONSTANT" or "SYMMETRIC", as in `numpy.pad`.
        constant_values: Number with which `padding="CONSTANT"` fills.
        name: Name scope of the operations.

    Returns:
        A tensor with the shape and dtype of the image. Integers are rounded toward zero.

    Raises:
        ValueError: If the image does not have rank 2, 3 or 4, `filter_shape` is not one or two positive integers, the
            padding is unknown, or `constant_values` is not in the range of the dtype of the image.
        TypeError: If `filter_shape` is `None`.

    Example:
        >>> print(mean_filter2d([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]], padding="CONSTANT").numpy()[1])
        [3. 5. 3.6666667]
    """
    window = window_shape(filter_shape)
    with tf.name_scope(name or "mean_filter2d"):
        image = numbers("image", image)
        mode = padding_name(padding)
        value = constant("constant_values", constant_values, image.dtype)
        means = _means(to_4D_image(image), value, window, mode)
        return from_4D_image(tf.cast(means, image.dtype), get_ndims(image))


@traced
def _means(batch: tf.Tensor, value: tf.Tensor, window: tuple[int, int], padding: str) -> tf.Tensor:
    # As floats, because the quotient is to be rounded, and not the sum.
    floats = batch if batch.dtype == tf.float64 else tf.cast(batch, tf.float32)
    height_weights, width_weights = (tf.ones([size], floats.dtype) for size in window)
    return ops.separable_filter2d(floats, height_weights, width_weights, padding, value) / (window[0] * window[1])
