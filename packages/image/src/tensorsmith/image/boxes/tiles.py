"""Tiles of large images, and the boxes in them."""

from typing import NamedTuple

import tensorflow as tf

from tensorsmith.core import Verbatim, check, is_integer
from tensorsmith.core.types import TensorLike
from tensorsmith.image._support.checks import numbers
from tensorsmith.image.boxes._support.arguments import as_boxes


class Tiles(NamedTuple):
    """Tiles of an image.

    Attributes:
        images: Tensor of shape `(tiles, size, size, channels)` with the dtype of the image.
        boxes: float32 tensor of shape `(tiles, n, 4)` with the coordinates in each tile.
        offsets: int32 tensor of shape `(tiles, 2)` with the position x, y of each tile in the image.
    """

    images: tf.Tensor
    boxes: tf.Tensor
    offsets: tf.Tensor


def tile(image: TensorLike, boxes: TensorLike, size: int, overlap: int = 0) -> Tiles:
    """Return square tiles that cover an image, row by row, and the boxes in each tile.

    The last tiles of a row or column end at the border of the image, so that they may overlap their neighbors more.
    Images that are smaller than a tile are extended by zeros at the right and bottom.

    Args:
        image: Tensor of shape `(height, width, channels)`.
        boxes: Tensor of shape `(n, 4)` with the coordinates x_min, y_min, x_max and y_max in pixels.
        size: Height and width of a tile in pixels.
        overlap: Number of pixels by which neighboring tiles overlap at least, less than `size`.

    Returns:
        A `Tiles` tuple. Boxes are clipped to the tile. A box whose center is outside of a tile is 0 there.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> import tensorflow as tf
        >>> from tensorsmith.image import boxes
        >>> tiles = boxes.tile(tf.zeros((6, 10, 3)), [[7.0, 1.0, 9.0, 3.0]], size=6)
        >>> print(tiles.images.shape, tiles.offsets.numpy().tolist(), tiles.boxes.numpy()[:, 0].tolist())
        (2, 6, 6, 3) [[0, 0], [4, 0]] [[0.0, 0.0, 0.0, 0.0], [3.0, 1.0, 5.0, 3.0]]
    """
    image, boxes = numbers("image", image), as_boxes("boxes", boxes)
    check(image.shape.rank == 3, "image", Verbatim(f"shape {image.shape}"), "have shape (height, width, channels)")
    check(boxes.shape.rank == 2, "boxes", Verbatim(f"shape {boxes.shape}"), "have shape (n, 4)")
    check(is_integer(size) and size > 0, "size", size, "a positive integer")
    check(is_integer(overlap) and 0 <= overlap < size, "overlap", overlap, f"an integer from 0 to {size - 1}")
    height, width = (tf.maximum(side, size) for side in tf.unstack(tf.shape(image)[:2]))
    margins = [[0, height - tf.shape(image)[0]], [0, width - tf.shape(image)[1]], [0, 0]]
    padded = tf.pad(image, margins)
    tops, lefts = _starts(height, size, overlap), _starts(width, size, overlap)
    offsets = tf.reshape(tf.stack(tf.meshgrid(lefts, tops), axis=-1), [-1, 2])
    within = tf.range(size)
    rows, columns = offsets[:, 1:, tf.newaxis] + within[:, tf.newaxis], offsets[:, :1, tf.newaxis] + within
    images = tf.gather_nd(padded, tf.stack([tf.repeat(rows, size, axis=2), tf.repeat(columns, size, axis=1)], axis=-1))
    corner = tf.tile(tf.cast(offsets, tf.float32), [1, 2])[:, tf.newaxis]
    moved = boxes - corner
    center = (moved[..., :2] + moved[..., 2:]) / 2
    inside = tf.reduce_all((center >= 0) & (center < size), axis=-1, keepdims=True)
    return Tiles(images, tf.where(inside, tf.clip_by_value(moved, 0, size), 0), offsets)


def untile(boxes: TensorLike, offsets: TensorLike) -> tf.Tensor:
    """Return boxes in tiles as boxes in the image.

    Apply `non_max_suppression` to them if the tiles overlap.

    Args:
        boxes: Tensor of shape `(tiles, n, 4)` with the coordinates x_min, y_min, x_max and y_max in each tile.
        offsets: Positions of the tiles, see `Tiles`.

    Returns:
        A float32 tensor of shape `(tiles * n, 4)`.

    Raises:
        ValueError: If the size of the last axis of the boxes is not 4, or the shape of the offsets is invalid.

    Example:
        >>> from tensorsmith.image import boxes
        >>> print(boxes.untile([[[3.0, 1.0, 5.0, 3.0]]], [[4, 0]]).numpy())
        [[7. 1. 9. 3.]]
    """
    offsets = numbers("offsets", offsets, tf.float32)
    shape = Verbatim(f"shape {offsets.shape}")
    check(offsets.shape.is_compatible_with((None, 2)), "offsets", shape, "have shape (tiles, 2)")
    corner = tf.tile(offsets, [1, 2])[:, tf.newaxis]
    return tf.reshape(as_boxes("boxes", boxes) + corner, [-1, 4])


def _starts(length: tf.Tensor, size: int, overlap: int) -> tf.Tensor:
    """Return the first pixels of the tiles along an axis."""
    step = size - overlap
    count = 1 + tf.maximum(length - size + step - 1, 0) // step
    return tf.minimum(tf.range(count) * step, length - size)
