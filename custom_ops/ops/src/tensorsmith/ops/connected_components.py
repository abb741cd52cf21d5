"""Op that labels the connected components of images."""

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops.arguments import of_rank
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.library import library

INTEGERS = (tf.uint8, tf.int8, tf.uint16, tf.int16, tf.uint32, tf.int32, tf.uint64, tf.int64)
TYPES = (tf.bool, *INTEGERS, tf.float32, tf.float64)


def connected_components(images: TensorLike) -> tf.Tensor:
    """Labels the connected components of a batch of images.

    A component is a set of pixels of an image that have the same value and are connected by steps to the left, right,
    top and bottom. Components are numbered from 1 in the order of their first pixels, row by row, through all images of
    the batch. Pixels that are 0 or `False` have the label 0. NaN differs from NaN. The op is not differentiable.

    Source: He, Chao and Suzuki, "A Run-Based Two-Scan Labeling Algorithm", 2008. The reference implementation uses the
    algorithm of Zhang, Azad and Hu, "FastSV: A Distributed-Memory Connected Component Algorithm with Fast Convergence",
    2020.

    Args:
        images: Tensor of shape `(batch, height, width)`, of booleans or numbers.

    Returns:
        An int32 tensor with the shape of the images.

    Raises:
        ValueError: If the images do not have rank 3.

    Example:
        >>> print(connected_components([[[1, 1, 0], [0, 0, 2], [3, 0, 2]]]).numpy()[0])
        [[1 1 0]
         [0 0 2]
         [3 0 2]]
    """
    images = tf.convert_to_tensor(images)
    check(images.shape.rank in (3, None), "images", Verbatim(images.shape), "have shape (batch, height, width)")
    if images.dtype in (tf.float16, tf.bfloat16):
        images = tf.cast(images, tf.float32)
    if compiled(images, types=TYPES):
        return library().ops.tensorsmith_connected_components(images)
    return _reference(of_rank(images, 3))


def _reference(batch: tf.Tensor) -> tf.Tensor:
    """Reference implementation in TensorFlow that labels connected components."""
    roots = _roots(batch)
    used = tf.not_equal(batch, tf.zeros_like(batch))
    numbers = tf.reshape(used, [-1]) & (tf.reshape(roots, [-1]) == tf.range(tf.size(batch)))
    numbers = tf.cumsum(tf.cast(numbers, tf.int32))
    return tf.ensure_shape(tf.where(used, tf.gather(numbers, roots), 0), batch.shape)


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


tf.no_gradient("TensorsmithConnectedComponents")
