"""Labels of connected components."""

import tensorflow as tf

from tensorsmith.core import Verbatim, argument_error
from tensorsmith.core.types import TensorLike
from tensorsmith.image._support.type_error import ArgumentTypeError


def connected_components(images: TensorLike, name: str | None = None) -> tf.Tensor:
    """Return the labels of the connected components of images.

    A component is a set of pixels of an image that have the same value and are connected by steps to the left, right,
    top and bottom. Components are numbered from 1 in the order of their first pixels, row by row, through all images of
    a batch. Pixels that are 0 or `False` have the label 0.

    Sources: Zhang, Azad and Hu, "FastSV: A Distributed-Memory Connected Component Algorithm with Fast Convergence",
    2020; `connected_components` of TensorFlow Addons. For images of two values, the labels are those of
    `scipy.ndimage.label`.

    Args:
        images: Tensor of shape `(height, width)` or `(batch, height, width)`, of booleans or numbers.
        name: Name scope of the operations.

    Returns:
        An int32 tensor with the shape of the images.

    Raises:
        TypeError: If the images do not have rank 2 or 3. The error is a `ValueError`, too.

    Example:
        >>> print(connected_components([[1, 1, 0], [0, 0, 2], [3, 0, 2]]).numpy())
        [[1 1 0]
         [0 0 2]
         [3 0 2]]
    """
    with tf.name_scope(name or "connected_components"):
        images = tf.convert_to_tensor(images)
        if images.shape.rank not in (2, 3):
            expected = "have shape (height, width) or (batch, height, width)"
            raise ArgumentTypeError.like(argument_error("images", Verbatim(f"shape {images.shape}"), expected))
        batch = images if images.shape.rank == 3 else images[tf.newaxis]
        roots = _roots(batch)
        used = tf.not_equal(batch, tf.zeros_like(batch))
        numbers = tf.reshape(used, [-1]) & (tf.reshape(roots, [-1]) == tf.range(tf.size(batch)))
        numbers = tf.cumsum(tf.cast(numbers, tf.int32))
        labels = tf.where(used, tf.gather(numbers, roots), 0)
        return tf.ensure_shape(labels if images.shape.rank == 3 else labels[0], images.shape)


def _roots(batch: tf.Tensor) -> tf.Tensor:
    """Return for each pixel the index of the first pixel of its component, with the shape of the batch.

    Each pixel has a parent in its component. In each pass, the smallest grandparent among the neighbors of a pixel
    becomes the parent of the pixel and of its parent, so that paths become shorter.
    """
    shape = tf.shape(batch)
    last = tf.size(batch)
    vertical, horizontal = batch[:, 1:] == batch[:, :-1], batch[:, :, 1:] == batch[:, :, :-1]

    def smallest_of_neighbors(index: tf.Tensor) -> tf.Tensor:
        index = tf.reshape(index, shape)
        above, left = (tf.where(*pair, last) for pair in ((vertical, index[:, :-1]), (horizontal, index[:, :, :-1])))
        below, right = (tf.where(*pair, last) for pair in ((vertical, index[:, 1:]), (horizontal, index[:, :, 1:])))
        padded = [
            tf.pad(each, paddings, constant_values=last)
            for each, paddings in (
                (above, [(0, 0), (1, 0), (0, 0)]),
                (below, [(0, 0), (0, 1), (0, 0)]),
                (left, [(0, 0), (0, 0), (1, 0)]),
                (right, [(0, 0), (0, 0), (0, 1)]),
            )
        ]
        smallest = index
        for each in padded:
            smallest = tf.minimum(smallest, each)
        return tf.reshape(smallest, [-1])

    def step(parents: tf.Tensor, grandparents: tf.Tensor, changed: tf.Tensor) -> tuple[tf.Tensor, ...]:
        smallest = smallest_of_neighbors(grandparents)
        hooked = tf.tensor_scatter_nd_min(parents, parents[:, tf.newaxis], smallest)
        hooked = tf.minimum(tf.minimum(hooked, smallest), grandparents)
        shortened = tf.gather(hooked, hooked)
        return hooked, shortened, tf.reduce_any(shortened != grandparents)

    start = tf.range(last)
    _, roots, _ = tf.while_loop(lambda parents, grandparents, changed: changed, step, (start, start, last > 0))
    return tf.reshape(roots, shape)
