"""Adjustment of hue, saturation and value in the YIQ color space."""

import tensorflow as tf

from tensorsmith.core import Verbatim, argument_error, check, is_integer
from tensorsmith.core.types import Scalar, TensorLike
from tensorsmith.image._support.checks import checked, known_number, numbers, scalar

YIQ = ((0.299, 0.596, 0.211), (0.587, -0.274, -0.523), (0.114, -0.322, 0.312))  # from RGB, transposed
RGB = ((1.0, 1.0, 1.0), (0.95617069, -0.2726886, -1.103744), (0.62143257, -0.64681324, 1.70062309))  # its inverse


def adjust_hsv_in_yiq(
    image: TensorLike,
    delta_hue: Scalar = 0,
    scale_saturation: Scalar = 1,
    scale_value: Scalar = 1,
    name: str | None = None,
) -> tf.Tensor:
    """Return images with another hue, saturation and value.

    In the YIQ color space, the chrominance (I, Q) is rotated by `delta_hue` and multiplied by `scale_saturation`, and
    all components are multiplied by `scale_value`. Integers are converted to floats in [0, 1] and back. Source:
    `adjust_hsv_in_yiq` of TensorFlow Addons.

    Args:
        image: RGB images, a tensor of shape `(..., height, width, 3)`.
        delta_hue: Angle in radians.
        scale_saturation: Factor of the saturation.
        scale_value: Factor of the brightness.
        name: Name scope of the operations.

    Returns:
        A tensor with the shape and dtype of the image.

    Raises:
        ValueError: If the image does not have three axes and three channels, or an argument is not a number.

    Example:
        >>> print(adjust_hsv_in_yiq([[[0.25, 0.5, 0.75]]], scale_value=2.0).numpy().round(2))
        [[[0.5 1.  1.5]]]
    """
    with tf.name_scope(name or "adjust_hsv_in_yiq"):
        image = numbers("image", image)
        shape = image.shape
        if shape.rank is not None and shape.rank < 3:
            raise ValueError(f"input must be at least 3-D, got an image of shape {shape}.")
        if shape.rank is not None and shape[-1] not in (3, None):
            raise ValueError(f"input must have 3 channels but instead has {shape[-1]}.")
        if shape.rank is None or shape[-1] is None:
            image = _checked(image)
        valid = image.dtype.is_floating or image.dtype.is_integer
        check(valid, "image", Verbatim(image.dtype.name), "of a floating-point or integer dtype")
        floats = image if image.dtype.is_floating else tf.image.convert_image_dtype(image, tf.float32)
        dtype = tf.float64 if floats.dtype == tf.float64 else tf.float32
        given = {"delta_hue": delta_hue, "scale_saturation": scale_saturation, "scale_value": scale_value}
        hue, saturation, value = (scalar(argument, number, dtype) for argument, number in given.items())
        cosine, sine = value * saturation * tf.cos(hue), value * saturation * tf.sin(hue)
        zero = tf.zeros_like(value)
        adjustment = tf.stack([[value, zero, zero], [zero, cosine, sine], [zero, -sine, cosine]])
        matrix = tf.constant(YIQ, dtype) @ adjustment @ tf.constant(RGB, dtype)
        adjusted = tf.cast(tf.linalg.matmul(tf.cast(floats, dtype), matrix), floats.dtype)
        adjusted = tf.image.convert_image_dtype(adjusted, image.dtype, saturate=True)
        adjusted.set_shape(shape)
        return adjusted


def _checked(image: tf.Tensor) -> tf.Tensor:
    """Return an image after a check of its shape at run time."""
    image = checked(image, tf.debugging.assert_rank_at_least(image, 3, "input must be at least 3-D"))
    return checked(image, tf.debugging.assert_equal(tf.shape(image)[-1], 3, "input must have 3 channels"))


def random_hsv_in_yiq(
    image: TensorLike,
    max_delta_hue: float = 0,
    lower_saturation: float = 1,
    upper_saturation: float = 1,
    lower_value: float = 1,
    upper_value: float = 1,
    seed: int | None = None,
    name: str | None = None,
) -> tf.Tensor:
    """Return images with a random hue, saturation and value, the same for all images of a batch.

    Source: `random_hsv_in_yiq` of TensorFlow Addons.

    Args:
        image: RGB images, a tensor of shape `(..., height, width, 3)`.
        max_delta_hue: Largest angle in radians by which the hue changes, in both directions.
        lower_saturation: Smallest factor of the saturation.
        upper_saturation: Largest factor of the saturation.
        lower_value: Smallest factor of the brightness.
        upper_value: Largest factor of the brightness.
        seed: Seed of the random numbers, which are those of `tf.random.uniform` with this seed and the next two.
        name: Name scope of the operations.

    Returns:
        A tensor with the shape and dtype of the image.

    Raises:
        ValueError: If a bound is not a number or negative, a lower bound exceeds its upper bound, the seed is not an
            integer, or the image does not have three axes and three channels.

    Example:
        >>> import tensorflow as tf
        >>> random_hsv_in_yiq(tf.ones((4, 5, 3)), max_delta_hue=0.2, lower_saturation=0.8, seed=1).shape.as_list()
        [4, 5, 3]
    """
    most = known_number("max_delta_hue", max_delta_hue)
    check(most >= 0, "max_delta_hue", max_delta_hue, "non-negative")
    check(seed is None or is_integer(seed), "seed", seed, "an integer or None")
    ranges = {"saturation": (lower_saturation, upper_saturation), "value": (lower_value, upper_value)}
    for quantity, (lower, upper) in ranges.items():
        ranges[quantity] = known_number(f"lower_{quantity}", lower), known_number(f"upper_{quantity}", upper)
        check(lower >= 0, f"lower_{quantity}", lower, "non-negative")
        if lower > upper:
            raise argument_error(f"lower_{quantity}", lower, f"<= upper_{quantity}, which is {upper}")
    with tf.name_scope(name or "random_hsv_in_yiq"):
        bounds = ((-most, most), *ranges.values())
        # In a graph, equal seeds would draw equal numbers.
        seeds = (None,) * 3 if seed is None else range(seed, seed + 3)
        hue, saturation, value = (
            lower if lower == upper else tf.random.uniform([], lower, upper, seed=each)
            for (lower, upper), each in zip(bounds, seeds, strict=True)
        )
        return adjust_hsv_in_yiq(image, hue, saturation, value)
