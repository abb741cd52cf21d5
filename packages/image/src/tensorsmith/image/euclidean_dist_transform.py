"""Euclidean distance transform."""

import tensorflow as tf

from tensorsmith.core import Verbatim, argument_error
from tensorsmith.core.types import TensorLike
from tensorsmith.image._support.type_error import ArgumentTypeError
from tensorsmith.image.utils import from_4D_image, get_ndims, to_4D_image

DTYPES = (tf.float16, tf.float32, tf.float64)


def euclidean_dist_transform(images: TensorLike, dtype: tf.DType = tf.float32, name: str | None = None) -> tf.Tensor:
    """Return the distance of each pixel to the nearest pixel that is 0, in its image and channel.

    Sources: Felzenszwalb and Huttenlocher, "Distance Transforms of Sampled Functions", 2012, for the separation into
    columns and rows; `euclidean_dist_transform` of TensorFlow Addons.

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
        images, dtype = tf.convert_to_tensor(images), tf.as_dtype(dtype)
        if images.dtype != tf.uint8:
            raise ArgumentTypeError.like(argument_error("images", Verbatim(images.dtype.name), "of dtype uint8"))
        if dtype not in DTYPES:
            raise ArgumentTypeError.like(argument_error("`dtype`", Verbatim(dtype.name), "float16, float32 or float64"))
        batch = to_4D_image(images)
        if 0 in batch.shape:
            return tf.zeros_like(images, dtype)
        size = tf.shape(batch)
        # Squared distances within the columns, of shape (images, height, width).
        columns = tf.reshape(tf.transpose(batch, [0, 3, 1, 2]), [size[0] * size[3], size[1], size[2]])
        squared = _squared_in_columns(columns)
        # The squared distance to the nearest pixel is the smallest sum over the columns.
        position = tf.range(size[2])
        steps = tf.cast((position[:, tf.newaxis] - position) ** 2, tf.float64)

        def nearest(row: tf.Tensor) -> tf.Tensor:
            return tf.reduce_min(row[tf.newaxis] + steps, axis=1)

        rows = tf.map_fn(nearest, tf.reshape(squared, [-1, size[2]]))
        distances = tf.sqrt(tf.minimum(rows, tf.constant(dtype.max, tf.float64)))
        distances = tf.reshape(tf.cast(distances, dtype), [size[0], size[3], size[1], size[2]])
        return from_4D_image(tf.ensure_shape(tf.transpose(distances, [0, 2, 3, 1]), batch.shape), get_ndims(images))


def _squared_in_columns(images: tf.Tensor) -> tf.Tensor:
    """Return the squared distance of each pixel to the nearest 0 in its column, which is infinite if there is none."""
    row = tf.cast(tf.range(tf.shape(images)[1]), tf.float64)[:, tf.newaxis]
    infinity = tf.constant(float("inf"), tf.float64)
    above = _running_maximum(tf.where(images == 0, row, -infinity))
    below = -tf.reverse(_running_maximum(tf.reverse(tf.where(images == 0, -row, -infinity), [1])), [1])
    return tf.minimum(row - above, below - row) ** 2


def _running_maximum(values: tf.Tensor) -> tf.Tensor:
    """Return the maximum of all values up to each row."""
    return tf.transpose(tf.scan(tf.maximum, tf.transpose(values, [1, 0, 2])), [1, 0, 2])
