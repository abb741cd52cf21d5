"""Interpolation between two images."""

import tensorflow as tf

from tensorsmith.core import Verbatim, argument_error
from tensorsmith.core.types import Scalar, TensorLike
from tensorsmith.image._support.checks import numbers, scalar


def blend(image1: TensorLike, image2: TensorLike, factor: Scalar) -> tf.Tensor:
    """Return `image1 + factor * (image2 - image1)`, rounded to integers.

    Factors outside of [0, 1] extrapolate, and the result is clipped to [0, 255]. With a factor of exactly 0 or 1, the
    result is the unchanged first or second image. Source: `blend` of TensorFlow Addons.

    Args:
        image1: Tensor of any shape and a numeric dtype.
        image2: Tensor of the same shape.
        factor: Weight of the second image, a number or a scalar tensor.

    Returns:
        A float32 tensor with the shape of the images. With a Python number 0 or 1, TensorFlow Addons returns the dtype
        of the image.

    Raises:
        ValueError: If the images are not numeric or their shapes differ, or the factor is not a single number.

    Example:
        >>> print(blend([0.0, 100.0, 200.0], [100.0, 100.0, 50.0], 1.5).numpy())
        [150. 100.   0.]
    """
    with tf.name_scope("blend"):
        image1, image2 = (numbers(name, image, tf.float32) for name, image in (("image1", image1), ("image2", image2)))
        factor = scalar("factor", factor, tf.float32)
        try:
            tf.broadcast_static_shape(image1.shape, image2.shape)
        except ValueError:
            expected = f"have the shape {image1.shape} of image1"
            raise argument_error("image2", Verbatim(f"shape {image2.shape}"), expected) from None
        blended = image1 + factor * (image2 - image1)
        inside = (factor > 0) & (factor < 1)
        blended = tf.round(tf.where(inside, blended, tf.clip_by_value(blended, 0.0, 255.0)))
        return tf.where(factor == 0, image1, tf.where(factor == 1, image2, blended))
