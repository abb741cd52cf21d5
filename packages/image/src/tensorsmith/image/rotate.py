"""Rotation of images."""

import tensorflow as tf

from tensorsmith.core.types import Scalar, TensorLike
from tensorsmith.image._support.checks import numbers, one_or_each
from tensorsmith.image.projective_transforms import angles_to_projective_transforms
from tensorsmith.image.transform import transform
from tensorsmith.image.utils import from_4D_image, get_ndims, to_4D_image


def rotate(
    images: TensorLike,
    angles: TensorLike,
    interpolation: str = "nearest",
    fill_mode: str = "constant",
    name: str | None = None,
    fill_value: Scalar = 0.0,
) -> tf.Tensor:
    """Return images after a counterclockwise rotation about their centers.

    Source: `rotate` of TensorFlow Addons.

    Args:
        images: Tensor of shape `(height, width)`, `(height, width, channels)` or `(batch, height, width, channels)`, of
            a dtype that `transform` supports. The rank may be unknown.
        angles: Angle in radians, or a tensor of shape `(batch,)` with an angle for each image.
        interpolation: "nearest" or "bilinear".
        fill_mode: Pixels outside of the image, see `transform`.
        name: Name scope of the operations.
        fill_value: Number with which `fill_mode="constant"` fills.

    Returns:
        A tensor with the shape and dtype of the images.

    Raises:
        ValueError: If the rank or dtype of the images, the rank of the angles, or another argument is invalid.

    Example:
        >>> import math
        >>> print(rotate([[1.0, 2.0], [3.0, 4.0]], math.pi / 2).numpy())
        [[2. 4.]
         [1. 3.]]
    """
    with tf.name_scope(name or "rotate"):
        images = numbers("images", images)
        batch = to_4D_image(images)
        size = tf.shape(batch)
        transforms = angles_to_projective_transforms(angles, size[1], size[2])
        one_or_each("angles", transforms, batch)
        rotated = transform(batch, transforms, interpolation, fill_mode, fill_value=fill_value)
        return from_4D_image(rotated, get_ndims(images))
