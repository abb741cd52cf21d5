"""Augmentations of the geometry of images: flips, crops, changes of size and affine transforms."""

import math
from collections.abc import Sequence

import tensorflow as tf

from tensorsmith.core import check, is_integer, is_number
from tensorsmith.core.types import Tensor
from tensorsmith.image.augment._support.warps import Size
from tensorsmith.image.augment.augmentation import Augmentation, Step
from tensorsmith.ops.augment_images import FILL_MODES

MODES = ("horizontal", "vertical", "horizontal_and_vertical")


def random_flip(mode: str = "horizontal") -> Augmentation:
    """Return an augmentation that mirrors images with probability 0.5.

    Args:
        mode: "horizontal" (left and right), "vertical" (top and bottom), or "horizontal_and_vertical" for both,
            independently of each other.

    Returns:
        An `Augmentation`.

    Raises:
        ValueError: If `mode` is unknown.

    Example:
        >>> import tensorflow as tf
        >>> image = tf.constant([[[1], [2], [3]]], tf.uint8)
        >>> [random_flip()(seed, image).numpy().ravel().tolist() for seed in (0, 3)]
        [[1, 2, 3], [3, 2, 1]]
    """
    check(mode in MODES, "mode", mode, f"one of {MODES}")

    def geometry(seed: Tensor, count: Tensor, size: Size) -> tuple[Tensor, Size]:
        height, width = _floats(size)
        flipped = tf.random.stateless_uniform([2, count], seed) < 0.5
        x = flipped[0] if "horizontal" in mode else tf.zeros_like(flipped[0])
        y = flipped[1] if "vertical" in mode else tf.zeros_like(flipped[1])
        x_sign, y_sign = (tf.where(each, -1.0, 1.0) for each in (x, y))
        return _affine(count, x_sign, 0, tf.where(x, width, 0), 0, y_sign, tf.where(y, height, 0)), size

    return Augmentation((Step(geometry),))


def random_resized_crop(
    height: int, width: int, scale: tuple[float, float] = (0.08, 1.0), ratio: tuple[float, float] = (3 / 4, 4 / 3)
) -> Augmentation:
    """Return an augmentation that crops a random rectangle of images and resizes it.

    Sizes are changed by bilinear interpolation without antialiasing. Large photographs should be made smaller by
    `tf.image.resize(tf.image.convert_image_dtype(image, tf.float32), size, antialias=True)` first. Source: Szegedy et
    al., "Going Deeper with Convolutions", 2015.

    Args:
        height: Height of the result in pixels.
        width: Width of the result in pixels.
        scale: Minimum and maximum area of the rectangle, relative to the image. The area is uniformly distributed.
        ratio: Minimum and maximum ratio of the width to the height of the rectangle. Its logarithm is uniformly
            distributed. If a rectangle of this ratio does not fit into the image, the nearest ratio that fits is used.

    Returns:
        An `Augmentation`.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> import tensorflow as tf
        >>> random_resized_crop(2, 2)(1, tf.ones((10, 12, 3))).shape.as_list()
        [2, 2, 3]
    """
    _check_size(height, width)
    check(
        _is_range(scale) and scale[0] > 0 and scale[1] <= 1, "scale", scale, "a pair with 0 < scale[0] <= scale[1] <= 1"
    )
    check(_is_range(ratio) and ratio[0] > 0, "ratio", ratio, "a pair with 0 < ratio[0] <= ratio[1]")

    def geometry(seed: Tensor, count: Tensor, size: Size) -> tuple[Tensor, Size]:
        in_height, in_width = _floats(size)
        draws = tf.random.stateless_uniform([4, count], seed)
        area = in_height * in_width * _between(draws[0], *scale)
        aspect = tf.exp(_between(draws[1], math.log(ratio[0]), math.log(ratio[1])))
        aspect = tf.clip_by_value(aspect, area / in_height**2, in_width**2 / area)
        crop_width, crop_height = tf.sqrt(area * aspect), tf.sqrt(area / aspect)
        left, top = draws[2] * (in_width - crop_width), draws[3] * (in_height - crop_height)
        return _affine(count, crop_width / width, 0, left, 0, crop_height / height, top), (height, width)

    return Augmentation((Step(geometry),))


def resize(height: int, width: int, pad: bool = False) -> Augmentation:
    """Return an augmentation that changes the size of images, by bilinear interpolation without antialiasing.

    Args:
        height: Height of the result in pixels.
        width: Width of the result in pixels.
        pad: If `True`, the ratio of width to height is preserved, and the image is centered between black margins.

    Returns:
        An `Augmentation`, which does not depend on the seed.

    Raises:
        ValueError: If `height` or `width` is not a positive integer, or `pad` is not a boolean.

    Example:
        >>> import tensorflow as tf
        >>> print(resize(2, 4, pad=True)(0, tf.ones((2, 2, 1))).numpy()[:, :, 0])
        [[0. 1. 1. 0.]
         [0. 1. 1. 0.]]
    """
    _check_size(height, width)
    check(isinstance(pad, bool), "pad", pad, "True or False")

    def geometry(seed: Tensor, count: Tensor, size: Size) -> tuple[Tensor, Size]:
        in_height, in_width = _floats(size)
        x_scale, y_scale = in_width / width, in_height / height
        if pad:
            x_scale = y_scale = tf.maximum(x_scale, y_scale)
        left, top = (in_width - x_scale * width) / 2, (in_height - y_scale * height) / 2
        return _affine(count, x_scale, 0, left, 0, y_scale, top), (height, width)

    return Augmentation((Step(geometry, fill=("constant", 0.0) if pad else None),))


def random_affine(
    rotation: float = 0.0,
    translation: float = 0.0,
    zoom: tuple[float, float] = (1.0, 1.0),
    shear: float = 0.0,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
) -> Augmentation:
    """Return an augmentation that rotates, translates, magnifies and shears images about their centers.

    Args:
        rotation: Maximum angle of the rotation, in degrees. Angles are uniformly distributed in both directions.
        translation: Maximum distance of the translation along each axis, relative to the width or height.
        zoom: Minimum and maximum magnification. Its logarithm is uniformly distributed.
        shear: Maximum angle by which vertical lines are tilted, in degrees, less than 90. Angles are uniformly
            distributed in both directions.
        fill_mode: Pixels outside of the image: "constant", "reflect" or "nearest", see
            `tensorsmith.ops.augment_images`.
        fill_value: Value of these pixels with `fill_mode="constant"`.

    Returns:
        An `Augmentation`.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> import tensorflow as tf
        >>> image = tf.reshape(tf.range(9.0), (3, 3, 1))
        >>> turn = random_affine(rotation=180, fill_mode="nearest")
        >>> turn(7, image).shape.as_list(), bool(tf.reduce_all(turn(7, image) == turn(7, image)))
        ([3, 3, 1], True)
    """
    for name, value in (("rotation", rotation), ("translation", translation), ("shear", shear)):
        check(is_number(value) and value >= 0, name, value, "a number >= 0")
    check(shear < 90, "shear", shear, "less than 90 degrees")
    check(is_number(fill_value), "fill_value", fill_value, "a number")
    check(_is_range(zoom) and zoom[0] > 0, "zoom", zoom, "a pair with 0 < zoom[0] <= zoom[1]")
    check(fill_mode in FILL_MODES, "fill_mode", fill_mode, f"one of {FILL_MODES}")

    def geometry(seed: Tensor, count: Tensor, size: Size) -> tuple[Tensor, Size]:
        height, width = _floats(size)
        draws = tf.random.stateless_uniform([5, count], seed)
        angle = _between(draws[0], -1, 1) * math.radians(rotation)
        x_shift, y_shift = (
            _between(draws[i + 1], -1, 1) * translation * side for i, side in enumerate((width, height))
        )
        factor = tf.exp(-_between(draws[3], math.log(zoom[0]), math.log(zoom[1])))
        tilt = tf.tan(_between(draws[4], -1, 1) * math.radians(shear))
        cosine, sine = factor * tf.cos(angle), factor * tf.sin(angle)
        # The shear of the output coordinates, followed by the rotation and the magnification.
        a, b, c, d = cosine, cosine * tilt - sine, sine, sine * tilt + cosine
        x_middle, y_middle = width / 2, height / 2
        x_out, y_out = x_middle + x_shift, y_middle + y_shift
        return _affine(count, a, b, x_middle - a * x_out - b * y_out, c, d, y_middle - c * x_out - d * y_out), size

    return Augmentation((Step(geometry, fill=(fill_mode, float(fill_value))),))


def _affine(count: Tensor, *rows: Tensor | float) -> tf.Tensor:
    """Return matrices with the given two rows of three elements, each a number or a tensor of shape `(count,)`."""
    elements = [tf.broadcast_to(tf.cast(row, tf.float32), [count]) for row in (*rows, 0, 0, 1)]
    return tf.reshape(tf.stack(elements, axis=-1), [-1, 3, 3])


def _floats(size: Size) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.cast(size[0], tf.float32), tf.cast(size[1], tf.float32)


def _between(draws: Tensor, low: float, high: float) -> Tensor:
    return low + draws * (high - low)


def _is_range(value: Sequence[float]) -> bool:
    return isinstance(value, tuple | list) and len(value) == 2 and all(map(is_number, value)) and value[0] <= value[1]


def _check_size(height: int, width: int) -> None:
    for name, side in (("height", height), ("width", width)):
        check(is_integer(side) and side > 0, name, side, "a positive integer")
