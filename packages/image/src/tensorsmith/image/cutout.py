"""Cutout: rectangles of images that are filled with a constant."""

import tensorflow as tf

from tensorsmith.core import Verbatim, check, is_integer
from tensorsmith.core.types import Scalar, TensorLike
from tensorsmith.image._support.checks import checked, constant, integers, numbers, one_or_each
from tensorsmith.image.utils import from_4D_image, get_ndims, to_4D_image


def cutout(
    images: TensorLike, mask_size: TensorLike, offset: TensorLike = (0, 0), constant_values: Scalar = 0
) -> tf.Tensor:
    """Return images in which a rectangle is filled with a constant.

    Sources: DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout", 2017;
    `cutout` of TensorFlow Addons.

    Args:
        images: Tensor of shape `(height, width)`, `(height, width, channels)` or `(batch, height, width, channels)`.
        mask_size: Height and width of the rectangle, or one number for both. Even integers.
        offset: Row and column of the center of the rectangle, or a tensor of shape `(batch, 2)` with one for each
            image. Parts of the rectangle that are outside of the image have no effect.
        constant_values: Number with which the rectangle is filled.

    Returns:
        A tensor with the shape and dtype of the images.

    Raises:
        ValueError: If `images` does not have rank 2, 3 or 4, or `mask_size` or `offset` has another shape or
            is not an integer, `mask_size` is negative, or `constant_values` is not in the range of the dtype of the
            images.
        tf.errors.InvalidArgumentError: If `mask_size` is odd.

    Example:
        >>> import tensorflow as tf
        >>> print(cutout(tf.ones((4, 4)), 2, (1, 2)).numpy())
        [[1. 0. 0. 1.]
         [1. 0. 0. 1.]
         [1. 1. 1. 1.]
         [1. 1. 1. 1.]]
    """
    with tf.name_scope("cutout"):
        images = numbers("images", images)
        batch, half = to_4D_image(images), _half(mask_size)
        offset = integers("offset", offset)
        shape = offset.shape
        valid = shape.rank in (1, 2) and shape[-1] in (2, None)
        check(valid, "offset", Verbatim(f"shape {shape}"), "have shape (2,) or (batch, 2)")
        offset = tf.reshape(offset, [-1, 2])
        one_or_each("offset", offset, batch)
        size = tf.shape(batch)
        rows = _between(tf.range(size[1]), offset[:, 0], half[0])  # (batch, height)
        columns = _between(tf.range(size[2]), offset[:, 1], half[1])
        mask = rows[:, :, tf.newaxis, tf.newaxis] & columns[:, tf.newaxis, :, tf.newaxis]
        value = tf.cast(constant("constant_values", constant_values, batch.dtype), batch.dtype)
        filled = tf.where(mask, value, batch)
        return from_4D_image(tf.ensure_shape(filled, batch.shape), get_ndims(images))


def random_cutout(
    images: TensorLike, mask_size: TensorLike, constant_values: Scalar = 0, seed: int | None = None
) -> tf.Tensor:
    """Return images in which a rectangle at a random position, of its own in each image, is filled with a constant.

    The rectangle lies inside the image. Along an axis on which it is larger than the image, it covers the image.
    Source: `random_cutout` of TensorFlow Addons.

    Args:
        images: Tensor of shape `(height, width)`, `(height, width, channels)` or `(batch, height, width, channels)`.
        mask_size: Height and width of the rectangle, or one number for both. Even integers.
        constant_values: Number with which the rectangle is filled.
        seed: Seed of the random numbers, which are those of `tf.random.uniform` with this seed and the next one.

    Returns:
        A tensor with the shape and dtype of the images.

    Raises:
        ValueError: If `images` does not have rank 2, 3 or 4, or `mask_size` has another shape, is not an integer or is
            negative, or `constant_values` or `seed` is invalid.
        tf.errors.InvalidArgumentError: If `mask_size` is odd.

    Example:
        >>> import tensorflow as tf
        >>> int(tf.reduce_sum(random_cutout(tf.ones((2, 8, 8, 1)), (2, 4))))  # 2 * 8 pixels of 128 are empty
        112
    """
    images = numbers("images", images)
    check(seed is None or is_integer(seed), "seed", seed, "an integer or None")
    batch, half = to_4D_image(images), _half(mask_size)
    size = tf.shape(batch)

    def centers(length: tf.Tensor, half: tf.Tensor, seed: int | None) -> tf.Tensor:
        # A rectangle that does not fit is centered.
        fits = 2 * half < length
        lowest, end = tf.where(fits, half, length // 2), tf.where(fits, length - half, length // 2 + 1)
        return tf.random.uniform(size[:1], lowest, end, tf.int32, seed=seed)

    # In a graph, equal seeds would draw equal numbers.
    next_seed = None if seed is None else seed + 1
    offset = tf.stack([centers(size[1], half[0], seed), centers(size[2], half[1], next_seed)], axis=1)
    return from_4D_image(cutout(batch, 2 * half, offset, constant_values), get_ndims(images))


def _half(mask_size: TensorLike) -> tf.Tensor:
    """Return half of the height and width of the rectangle."""
    mask_size = integers("mask_size", mask_size)
    shape = mask_size.shape
    check(shape.rank == 0 or shape == (2,), "mask_size", Verbatim(f"shape {shape}"), "have shape () or (2,)")
    known = tf.get_static_value(mask_size)
    check(known is None or bool((known >= 0).all()), "mask_size", known, "non-negative")
    even = tf.debugging.assert_equal(mask_size % 2, 0, "mask_size should be divisible by 2")
    return tf.broadcast_to(checked(mask_size, even) // 2, [2])


def _between(positions: tf.Tensor, centers: tf.Tensor, half: tf.Tensor) -> tf.Tensor:
    centers = centers[:, tf.newaxis]
    return (positions >= centers - half) & (positions < centers + half)
