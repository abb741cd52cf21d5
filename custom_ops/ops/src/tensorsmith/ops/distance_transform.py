"""Op for the Euclidean distance transform."""

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops.arguments import of_rank
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.library import library

TYPES = (tf.float32, tf.float16, tf.float64)


def distance_transform(images: TensorLike, dtype: tf.DType = tf.float32) -> tf.Tensor:
    """Computes the distance of each pixel to the nearest pixel that is 0, in its image and channel.

    The distances are exact up to the rounding of `dtype`. The op is not differentiable.

    Source: Felzenszwalb and Huttenlocher, "Distance Transforms of Sampled Functions", 2012.

    Args:
        images: Tensor of shape `(batch, height, width, channels)` and dtype uint8.
        dtype: Dtype of the result: `tf.float32`, `tf.float16` or `tf.float64`.

    Returns:
        A tensor of the given dtype with the shape of the images. Without a pixel that is 0, all distances are the
        square root of the largest number of the dtype, which is 255.9 for float16 and limits all distances.

    Raises:
        ValueError: If the images do not have rank 4 or dtype uint8, or `dtype` is another one.

    Example:
        >>> images = tf.constant([[0, 1, 1], [1, 1, 1]], tf.uint8)[tf.newaxis, :, :, tf.newaxis]
        >>> print(distance_transform(images).numpy().round(2)[0, :, :, 0])
        [[0.   1.   2.  ]
         [1.   1.41 2.24]]
    """
    images, dtype = tf.convert_to_tensor(images), tf.as_dtype(dtype)
    check(images.dtype == tf.uint8, "images", images.dtype.name, "have dtype uint8")
    shape = "have shape (batch, height, width, channels)"
    check(images.shape.rank in (4, None), "images", Verbatim(images.shape), shape)
    check(dtype in TYPES, "`dtype`", Verbatim(dtype.name), "float32, float16 or float64")
    if compiled(images, types=(tf.uint8,)):
        return library().ops.tensorsmith_distance_transform(images, T=dtype)
    return _reference(of_rank(images, 4), dtype)


def _reference(images: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Reference implementation in TensorFlow of the distance transform."""
    infinity = tf.constant(float("inf"), tf.float64)
    squared = tf.where(images == 0, tf.zeros_like(infinity), infinity)
    for axis in (1, 2):  # the distance within the columns, then the smallest one over the columns
        squared = _nearest(squared, axis)
    distances = tf.sqrt(tf.minimum(squared, tf.constant(dtype.max, tf.float64)))
    return tf.ensure_shape(tf.cast(distances, dtype), images.shape)


def _nearest(squared: tf.Tensor, axis: int) -> tf.Tensor:
    """Returns the smallest sum of a value along an axis and the square of the distance to it."""
    size = tf.shape(squared)[axis]
    on_axis = tf.one_hot(axis, 4, dtype=tf.int32)
    margins = tf.stack([on_axis, on_axis], axis=1) * size
    padded = tf.pad(squared, margins, constant_values=float("inf"))

    def step(distance: tf.Tensor, nearest: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        before, after = (
            tf.slice(padded, on_axis * (size + shift), tf.shape(squared)) for shift in (-distance, distance)
        )
        square = tf.cast(distance, tf.float64) ** 2
        return distance + 1, tf.minimum(nearest, tf.minimum(before, after) + square)

    def may_improve(distance: tf.Tensor, nearest: tf.Tensor) -> tf.Tensor:
        return (distance < size) & (tf.cast(distance, tf.float64) ** 2 < tf.reduce_max(nearest))

    return tf.while_loop(may_improve, step, (tf.constant(1), squared))[1]


tf.no_gradient("TensorsmithDistanceTransform")
