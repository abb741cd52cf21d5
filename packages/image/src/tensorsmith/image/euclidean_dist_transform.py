"""Euclidean distance transform."""

import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import Verbatim, argument_error
from tensorsmith.core.types import TensorLike
from tensorsmith.image._support.checks import converted
from tensorsmith.image._support.type_error import ArgumentTypeError
from tensorsmith.image.utils import from_4D_image, get_ndims, to_4D_image

DTYPES = (tf.float16, tf.float32, tf.float64)


def euclidean_dist_transform(images: TensorLike, dtype: tf.DType = tf.float32, name: str | None = None) -> tf.Tensor:
    """Return the distance of each pixel to the nearest pixel that is 0, in its image and channel.

    Source: `euclidean_dist_transform` of TensorFlow Addons. The function calls `tensorsmith.ops.distance_transform`.

    Args:
        images: Tensor of shape `(height, width)`, `(height, width, channels)` or `(batch, height, width, channels)`, of
            dtype uint8. The rank may be unknown.
        dtype: Dtype of the result: `tf.float16`, `tf.float32` or `tf.float64`.
        name: Name scope of the operations.

    Returns:
        A tensor of the given dtype with the shape of the images. Without a pixel that is 0, all distances are the
        square root of the largest number of the dtype, which is 255.9 for float16 and limits all distances.

    Raises:
        TypeError: If the images are not uint8, or `dtype` is another one. The error is a `ValueError`, too.
        ValueError: If the images do not have rank 2, 3 or 4.

    Example:
        >>> import tensorflow as tf
        >>> image = tf.constant([[0, 1, 1], [1, 1, 1]], tf.uint8)
        >>> print(euclidean_dist_transform(image).numpy().round(2))
        [[0.   1.   2.  ]
         [1.   1.41 2.24]]
    """
    with tf.name_scope(name or "euclidean_dist_transform"):
        images = converted("images", images)
        if images.dtype != tf.uint8:
            raise ArgumentTypeError.like(argument_error("images", Verbatim(images.dtype.name), "of dtype uint8"))
        distances = ops.distance_transform(to_4D_image(images), _checked(dtype))
        return from_4D_image(distances, get_ndims(images))


def _checked(dtype: tf.DType) -> tf.DType:
    """Return a dtype, which may be given by its name, after a check that it is supported."""
    try:
        known = tf.as_dtype(dtype)
    except TypeError:
        known = None
    if known not in DTYPES:
        received = Verbatim(known.name) if known else dtype
        raise ArgumentTypeError.like(argument_error("`dtype`", received, "float16, float32 or float64"))
    return known
