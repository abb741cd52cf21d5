"""Bounding boxes of connected components."""

from typing import NamedTuple

import tensorflow as tf

from tensorsmith.core import Verbatim, check, is_integer
from tensorsmith.core.types import TensorLike
from tensorsmith.image._support.checks import numbers
from tensorsmith.image.connected_components import connected_components


class Components(NamedTuple):
    """Connected components of the images of a batch, the largest ones first.

    Attributes:
        boxes: float32 tensor of shape `(batch, n, 4)` with x_min, y_min, x_max and y_max in pixels. Unused rows are 0.
        sizes: int32 tensor of shape `(batch, n)` with the number of pixels of each component.
    """

    boxes: tf.Tensor
    sizes: tf.Tensor


def component_boxes(images: TensorLike, max_output_size: int) -> Components:
    """Return the bounding boxes of the largest connected components of each image.

    With a threshold or a rule for colors, this is a simple detector, with which others can be compared. See
    `connected_components` for the definition of a component. Among components of equal size, that with the first pixel,
    row by row, comes first.

    Args:
        images: Tensor of shape `(batch, height, width)`, of booleans or numbers.
        max_output_size: Number of components of each image to return.

    Returns:
        A `Components` tuple.

    Raises:
        ValueError: If the shape of the images or `max_output_size` is invalid.

    Example:
        >>> from tensorsmith.image import boxes
        >>> found = boxes.component_boxes([[[1, 1, 0, 0], [1, 0, 0, 1]]], max_output_size=3)
        >>> print(found.boxes.numpy()[0].tolist(), found.sizes.numpy()[0])
        [[0.0, 0.0, 2.0, 2.0], [3.0, 1.0, 4.0, 2.0], [0.0, 0.0, 0.0, 0.0]] [3 1 0]
    """
    images = numbers("images", images)
    check(images.shape.rank == 3, "images", Verbatim(f"shape {images.shape}"), "have shape (batch, height, width)")
    valid = is_integer(max_output_size) and max_output_size > 0
    check(valid, "max_output_size", max_output_size, "a positive integer")
    labels = connected_components(images)
    batch = tf.shape(labels)[0]
    positions = tf.where(labels > 0)  # image, row and column of each pixel
    ids, count = tf.gather_nd(labels, positions), tf.reduce_max(tf.pad(tf.reshape(labels, [-1]), [[0, 1]])) + 1
    image, row, column = tf.unstack(tf.cast(positions, tf.int32), axis=1)
    pixels = tf.math.unsorted_segment_sum(tf.ones_like(ids), ids, count)
    sides = [tf.math.unsorted_segment_min(side, ids, count) for side in (column, row)]
    sides += [tf.math.unsorted_segment_max(side, ids, count) + 1 for side in (column, row)]
    # The largest components of an image come first, and their ranks are their positions in the result.
    owner = tf.math.unsorted_segment_max(image, ids, count)[1:]
    order = tf.argsort(-pixels[1:], stable=True)
    order = tf.gather(order, tf.argsort(tf.gather(owner, order), stable=True))
    owner = tf.gather(owner, order)
    rank = tf.range(count - 1) - tf.searchsorted(owner, owner)
    kept = rank < max_output_size
    index = tf.boolean_mask(tf.stack([owner, rank], axis=1), kept)
    rows = tf.boolean_mask(tf.gather(tf.stack([*sides, pixels], axis=1)[1:], order), kept)
    found = tf.scatter_nd(index, rows, tf.stack([batch, max_output_size, 5]))
    found.set_shape([images.shape[0], max_output_size, 5])
    return Components(tf.cast(found[..., :4], tf.float32), found[..., 4])
