"""Histogram equalization."""

import tensorflow as tf

from tensorsmith.core import check, is_integer
from tensorsmith.core.types import TensorLike
from tensorsmith.image._support.checks import numbers
from tensorsmith.image.utils import from_4D_image, get_ndims, to_4D_image


def equalize(image: TensorLike, bins: int = 256, name: str | None = None) -> tf.Tensor:
    """Return images whose values are distributed almost uniformly, in each channel.

    The results equal those of `PIL.ImageOps.equalize` bit by bit. Source: `equalize` of TensorFlow Addons.

    Args:
        image: Tensor of shape `(height, width)`, `(height, width, channels)` or `(batch, height, width, channels)`,
            with integer values from 0 to `bins - 1`. Values of other dtypes are rounded toward zero. The rank may be
            unknown.
        bins: Number of different values.
        name: Name scope of the operations.

    Returns:
        A tensor with the shape and dtype of the image.

    Raises:
        ValueError: If the image does not have rank 2, 3 or 4, or `bins` is not an integer >= 2 and less than 2^31.

    Example:
        >>> import tensorflow as tf
        >>> image = tf.constant([[0, 1], [2, 3]], tf.uint8)
        >>> print(equalize(image, bins=4).numpy())
        [[0 1]
         [2 3]]
        >>> image = tf.reshape(tf.range(0, 128, dtype=tf.int32), (16, 8))  # a dark image
        >>> int(tf.reduce_max(equalize(tf.repeat(image, 4, axis=0))))
        255
    """
    check(is_integer(bins) and 2 <= bins < 2**31, "bins", bins, "an integer >= 2 and less than 2^31")
    with tf.name_scope(name or "equalize"):
        image = numbers("image", image)
        batch = tf.transpose(to_4D_image(image), [0, 3, 1, 2])
        size = tf.shape(batch)
        pixels = tf.cast(tf.reshape(batch, [size[0] * size[1], size[2] * size[3]]), tf.int32)  # (channels, pixels)
        pixels = tf.clip_by_value(pixels, 0, bins - 1)
        counts = tf.math.bincount(pixels, minlength=bins, maxlength=bins, axis=-1)
        last = bins - 1 - tf.argmax(tf.reverse(counts, [1]) > 0, axis=1, output_type=tf.int32)
        last_count = tf.gather(counts, last, batch_dims=1)[:, tf.newaxis]
        step = (size[2] * size[3] - last_count) // (bins - 1)
        table = (tf.cumsum(counts, axis=1, exclusive=True) + step // 2) // tf.maximum(step, 1)
        equal = tf.gather(tf.clip_by_value(table, 0, bins - 1), pixels, batch_dims=1)
        # Channels with too few different values remain as they are.
        equal = tf.where(step == 0, tf.reshape(batch, tf.shape(pixels)), tf.cast(equal, image.dtype))
        equal = tf.transpose(tf.reshape(equal, size), [0, 2, 3, 1])
        equal.set_shape(to_4D_image(image).shape)
        return from_4D_image(equal, get_ndims(image))
