"""Augmentations of the colors of images, and normalization."""

import math
from collections.abc import Sequence

import tensorflow as tf

from tensorsmith.core import Verbatim, check, is_number
from tensorsmith.core.types import Tensor
from tensorsmith.image._support.checks import array_of_numbers
from tensorsmith.image.augment.augmentation import Augmentation, Step

# Luminance of red, green and blue, and the other axes of the color space YIQ of NTSC television.
RGB_TO_YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))


def random_color_jitter(
    brightness: float = 0.0, contrast: float = 0.0, saturation: float = 0.0, hue: float = 0.0
) -> Augmentation:
    """Return an augmentation that changes the hue, saturation, contrast and brightness of images, in this order.

    All changes are affine maps of the color of a pixel, so that they are applied together, and the result is clipped
    once. In contrast to `tf.image.random_contrast`, which needs the mean of the image, the contrast is changed about
    medium gray. The hue is changed by a rotation in the YIQ color space, which preserves the luminance, as by
    `tensorsmith.image.adjust_hsv_in_yiq`.

    Args:
        brightness: Maximum change of the brightness, relative to white. The change, which is added to the colors, is
            uniformly distributed from `-brightness` to `brightness`.
        contrast: Maximum change of the contrast, at most 1. The factor is uniformly distributed from `1 - contrast` to
            `1 + contrast`.
        saturation: Maximum change of the saturation, at most 1. The factor is distributed as that of the contrast. With
            a factor of 0, the image is gray.
        hue: Maximum change of the hue, relative to a full turn, at most 0.5. The angle is uniformly distributed in both
            directions.

    Returns:
        An `Augmentation`.

    Raises:
        ValueError: If an argument is out of range, or if images without three channels are to be changed in saturation
            or hue.

    Example:
        >>> import tensorflow as tf
        >>> gray = tf.fill((1, 1, 3), tf.constant(100, tf.uint8))
        >>> print(random_color_jitter(saturation=0.5, hue=0.5)(0, gray).numpy()[0, 0])  # gray has no hue
        [100 100 100]
        >>> print(random_color_jitter(brightness=0.2)(0, gray).numpy()[0, 0])
        [105 105 105]
    """
    for name, value, most in (
        ("brightness", brightness, 1), ("contrast", contrast, 1), ("saturation", saturation, 1), ("hue", hue, 0.5)
    ):  # fmt: skip
        check(is_number(value) and 0 <= value <= most, name, value, f"a number from 0 to {most}")

    def colors(seed: Tensor, count: Tensor, channels: int, white: float) -> tf.Tensor:
        draws = tf.random.stateless_uniform([4, count], seed, -1.0, 1.0)
        factor = 1 + draws[1] * contrast
        summand = (draws[0] * brightness + (1 - factor) / 2) * white
        matrices = factor[:, tf.newaxis, tf.newaxis] * tf.eye(channels)
        if saturation or hue:
            expected = "have three channels (red, green, blue) for changes of saturation and hue"
            check(channels == 3, "image", Verbatim(f"{channels} channels"), expected)
            matrices @= _in_yiq(1 + draws[2] * saturation, draws[3] * hue * 2 * math.pi)
        summands = tf.broadcast_to(summand[:, tf.newaxis, tf.newaxis], [count, channels, 1])
        last = tf.broadcast_to(tf.one_hot(channels, channels + 1), [count, 1, channels + 1])
        return tf.concat([tf.concat([matrices, summands], axis=2), last], axis=1)

    return Augmentation((Step(colors=colors),))


def normalize(mean: float | Sequence[float], std: float | Sequence[float]) -> Augmentation:
    """Return an augmentation that subtracts a mean from images and divides them by a standard deviation.

    Args:
        mean: Mean of the colors, where white is 1, or the mean of each channel.
        std: Standard deviation of the colors, where white is 1, or the standard deviation of each channel.

    Returns:
        An `Augmentation`, whose results are float32.

    Raises:
        ValueError: If a mean is not finite, a standard deviation is not positive, or the number of values is not that
            of the channels.

    Example:
        >>> import tensorflow as tf
        >>> image = tf.constant([[[0, 51, 255]]], tf.uint8)
        >>> print(normalize(mean=0.2, std=0.5)(0, image).numpy()[0, 0].round(6) + 0.0)
        [-0.4  0.   1.6]
    """
    means, deviations = (
        tuple(map(float, array_of_numbers(name, value).ravel())) for name, value in (("mean", mean), ("std", std))
    )
    check(bool(means) and all(map(math.isfinite, means)), "mean", mean, "a finite number, or one for each channel")
    valid = bool(deviations) and all(deviation > 0 and math.isfinite(deviation) for deviation in deviations)
    check(valid, "std", std, "a positive number, or one for each channel")
    return Augmentation((Step(normalization=(means, deviations)),))


def _in_yiq(saturation: tf.Tensor, angle: tf.Tensor) -> tf.Tensor:
    """Return RGB color matrices that scale and rotate the plane of the colors I and Q, of shape `(batch, 3, 3)`."""
    cosine, sine = saturation * tf.cos(angle), saturation * tf.sin(angle)
    one, zero = tf.ones_like(angle), tf.zeros_like(angle)
    rows = [[one, zero, zero], [zero, cosine, -sine], [zero, sine, cosine]]
    rotation = tf.stack([tf.stack(row, axis=-1) for row in rows], axis=-2)
    to_yiq = tf.constant(RGB_TO_YIQ)
    return tf.linalg.inv(to_yiq) @ rotation @ to_yiq
