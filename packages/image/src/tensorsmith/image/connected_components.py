"""Labels of connected components."""

import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import Verbatim, argument_error
from tensorsmith.core.types import TensorLike
from tensorsmith.image._support.checks import numbers, ranked
from tensorsmith.image._support.type_error import ArgumentTypeError


def connected_components(images: TensorLike, name: str | None = None) -> tf.Tensor:
    """Return the labels of the connected components of images.

    A component is a set of pixels of an image that have the same value and are connected by steps to the left, right,
    top and bottom. Components are numbered from 1 in the order of their first pixels, row by row, through all images of
    a batch. Pixels that are 0 or `False` have the label 0.

    Source: `connected_components` of TensorFlow Addons. The function calls `tensorsmith.ops.connected_components`. For
    images of two values, the labels are those of `scipy.ndimage.label`.

    Args:
        images: Tensor of shape `(height, width)` or `(batch, height, width)`, of booleans or numbers. The rank may be
            unknown.
        name: Name scope of the operations.

    Returns:
        An int32 tensor with the shape of the images.

    Raises:
        TypeError: If the images do not have rank 2 or 3. The error is a `ValueError`, too.
        tf.errors.InvalidArgumentError: The same, if the rank is only known at run time.

    Example:
        >>> print(connected_components([[1, 1, 0], [0, 0, 2], [3, 0, 2]]).numpy())
        [[1 1 0]
         [0 0 2]
         [3 0 2]]
    """
    with tf.name_scope(name or "connected_components"):
        images = numbers("images", images)
        expected = "have shape (height, width) or (batch, height, width)"
        if images.shape.rank not in (2, 3, None):
            raise ArgumentTypeError.like(argument_error("images", Verbatim(f"shape {images.shape}"), expected))
        images = ranked(images, (2, 3), f"images must {expected}")
        if images.shape.rank is not None:
            labels = ops.connected_components(images if images.shape.rank == 3 else images[tf.newaxis])
            return labels if images.shape.rank == 3 else labels[0]
        shape = tf.shape(images)
        batch = tf.reshape(images, tf.concat([tf.ones(3 - tf.size(shape), tf.int32), shape], axis=0))
        return tf.reshape(ops.connected_components(tf.ensure_shape(batch, (None,) * 3)), shape)
