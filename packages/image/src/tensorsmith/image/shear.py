"""Shear of images along an axis."""

import tensorflow as tf

from tensorsmith.core.types import Scalar, TensorLike
from tensorsmith.image._support.checks import scalar, with_channels
from tensorsmith.image.transform import transform
from tensorsmith.image.utils import unwrap, wrap


def shear_x(image: TensorLike, level: Scalar, replace: TensorLike) -> tf.Tensor:
    """Return an image after a horizontal shear: the output pixel `(x, y)` is the input pixel `(x + level y, y)`.

    Source: `shear_x` of TensorFlow Addons, which requires three channels and no batch axis.

    Args:
        image: Tensor of shape `(height, width, channels)` or `(batch, height, width, channels)`, of a dtype that
            `transform` supports.
        level: Shear, in pixels to the left for each row.
        replace: Color of the empty pixels: a number, or a tensor of shape `(channels,)`.

    Returns:
        A tensor with the shape and dtype of the image.

    Raises:
        ValueError: If the rank or dtype of the image, or the level or the color is invalid.

    Example:
        >>> import tensorflow as tf
        >>> image = tf.constant([[1, 2], [3, 4]], tf.uint8)[:, :, tf.newaxis]
        >>> print(shear_x(image, 1.0, 9).numpy()[:, :, 0])
        [[1 2]
         [4 9]]
    """
    level = scalar("level", level, tf.float32)
    return unwrap(transform(wrap(with_channels(image)), [1.0, level, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]), replace)


def shear_y(image: TensorLike, level: Scalar, replace: TensorLike) -> tf.Tensor:
    """Return an image after a vertical shear: the output pixel `(x, y)` is the input pixel `(x, y + level x)`.

    Source: `shear_y` of TensorFlow Addons, which requires three channels and no batch axis.

    Args:
        image: Tensor of shape `(height, width, channels)` or `(batch, height, width, channels)`, of a dtype that
            `transform` supports.
        level: Shear, in pixels up for each column.
        replace: Color of the empty pixels: a number, or a tensor of shape `(channels,)`.

    Returns:
        A tensor with the shape and dtype of the image.

    Raises:
        ValueError: If the rank or dtype of the image, or the level or the color is invalid.

    Example:
        >>> import tensorflow as tf
        >>> image = tf.constant([[1, 2], [3, 4]], tf.uint8)[:, :, tf.newaxis]
        >>> print(shear_y(image, 1.0, 9).numpy()[:, :, 0])
        [[1 4]
         [3 9]]
    """
    level = scalar("level", level, tf.float32)
    return unwrap(transform(wrap(with_channels(image)), [1.0, 0.0, 0.0, level, 1.0, 0.0, 0.0, 0.0]), replace)
