"""Gaussian filter."""

from collections.abc import Sequence

import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Scalar, TensorLike
from tensorsmith.image._support.checks import checked, constant, converted, numbers
from tensorsmith.image._support.windows import padding_name, window_shape
from tensorsmith.image.utils import from_4D_image, get_ndims, to_4D_image


@tf.autograph.experimental.do_not_convert  # AutoGraph takes a second, and this function does not need it
def gaussian_filter2d(
    image: TensorLike,
    filter_shape: int | Sequence[int] = (3, 3),
    sigma: Scalar | Sequence[Scalar] = 1.0,
    padding: str = "REFLECT",
    constant_values: Scalar = 0,
    name: str | None = None,
) -> tf.Tensor:
    """Return images that are blurred by a Gaussian filter.

    The weights of the pixels are proportional to a Gaussian function of their distance, and sum to 1. The function is
    differentiable with respect to the image and, if it is a tensor, to `sigma`. Source: `gaussian_filter2d` of
    TensorFlow Addons. The function calls `tensorsmith.ops.separable_filter2d`.

    Args:
        image: Tensor of shape `(height, width)`, `(height, width, channels)` or `(batch, height, width, channels)`. The
            rank may be unknown.
        filter_shape: Height and width of the filter, or one number for both. With an even size, it extends one pixel
            further to the bottom or right.
        sigma: Standard deviation in pixels, >= 0, or a pair: along the height and along the width. With 0, the image is
            not blurred along this axis. A number, a pair of numbers, or a tensor of shape `()` or `(2,)`.
        padding: Pixels outside of the image: "REFLECT", "CONSTANT" or "SYMMETRIC", as in `numpy.pad`.
        constant_values: Number with which `padding="CONSTANT"` fills.
        name: Name scope of the operations.

    Returns:
        A tensor with the shape and dtype of the image. Integers are rounded to the nearest
        integer; TensorFlow Addons rounds them toward zero, which changes many images of one color by 1.

    Raises:
        ValueError: If the image does not have rank 2, 3 or 4, `filter_shape` is not one or two positive integers,
            `sigma` has another shape or is negative, the padding is unknown, or `constant_values` is not in the range
            of the dtype of the image.
        TypeError: If `filter_shape` is `None`.

    Example:
        >>> import tensorflow as tf
        >>> point = tf.scatter_nd([[2, 2]], [1.0], (5, 5))
        >>> print(gaussian_filter2d(point, 3, sigma=1.0).numpy()[2].round(3))
        [0.    0.124 0.204 0.124 0.   ]
    """
    window = window_shape(filter_shape)
    with tf.name_scope(name or "gaussian_filter2d"):
        deviations = converted("sigma", sigma)
        shape = deviations.shape
        check(shape.rank == 0 or shape == (2,), "sigma", Verbatim(f"shape {shape}"), "a number or a pair of numbers")
        numeric = deviations.dtype.is_floating or deviations.dtype.is_integer
        check(numeric, "sigma", sigma, "a number or a pair of numbers")
        known = tf.get_static_value(deviations)
        check(known is None or bool((known >= 0).all()), "sigma", sigma, "non-negative")
        valid = tf.debugging.assert_non_negative(deviations, "sigma must be non-negative")
        deviations = tf.broadcast_to(tf.cast(checked(deviations, valid), tf.float64), [2])

        def weights(size: int, axis: int) -> tf.Tensor:
            distances = tf.cast(tf.range(size) - (size - 1) // 2, tf.float64)
            deviation = deviations[axis]
            exponents = -tf.square(distances / tf.where(deviation > 0, deviation, 1)) / 2
            # The limit for small deviations: all weight is on the pixel itself.
            return tf.nn.softmax(tf.where((deviation > 0) | (distances == 0), exponents, tf.float64.min))

        image = numbers("image", image)
        mode, value = padding_name(padding), constant("constant_values", constant_values, image.dtype)
        batch = to_4D_image(image)
        batch = tf.cast(batch, tf.uint8) if image.dtype.is_bool else batch
        height_weights, width_weights = (weights(size, axis) for axis, size in enumerate(window))
        blurred = ops.separable_filter2d(batch, height_weights, width_weights, mode, value)
        return from_4D_image(tf.cast(blurred, image.dtype), get_ndims(image))
