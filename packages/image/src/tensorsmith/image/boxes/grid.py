"""Targets and predictions of detectors on a grid of cells, in the format of `tensorsmith.losses.YOLOLoss`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tensorsmith.core import Verbatim, check, is_integer
from tensorsmith.core.types import TensorLike
from tensorsmith.image._support.checks import numbers
from tensorsmith.image.boxes._support.arguments import as_boxes
from tensorsmith.image.boxes._support.sizes import size_iou


@tf.autograph.experimental.do_not_convert  # AutoGraph takes a second, and the function does not need it
def encode_grid(
    boxes: TensorLike,
    classes: TensorLike,
    anchors: TensorLike,
    image_size: tuple[int, int],
    grid_size: tuple[int, int],
    num_classes: int,
) -> tf.Tensor:
    """Return the targets of a detector that predicts boxes relative to anchors, in a grid of cells.

    A box is assigned to the cell that contains its center, and there to the anchor whose size overlaps it best. If
    several boxes have the same cell and anchor, the first one is kept, and a cell has the class of its first box. See
    `tensorsmith.losses.YOLOLoss` for the format and the source.

    Args:
        boxes: Tensor of shape `(batch, n, 4)` with the coordinates x_min, y_min, x_max and y_max in pixels. Boxes
            without area, or whose center is outside of the image, are ignored.
        classes: int tensor of shape `(batch, n)` with the class of each box. Boxes of other classes than 0 to
            `num_classes` - 1 are ignored.
        anchors: Widths and heights of the anchors in pixels, of shape `(anchors, 2)`, see `anchor_sizes`.
        image_size: Height and width of the images.
        grid_size: Number of rows and columns of cells.
        num_classes: Number of classes.

    Returns:
        A float32 tensor of shape `(batch, rows, columns, 5 * anchors + classes)`: for each anchor, the position x, y of
        the center in its cell, the logarithms of the ratios of height and width to the anchor, and 1 if there is an
        object; then the one-hot class.

    Raises:
        ValueError: If a shape, a size, an anchor or `num_classes` is invalid.

    Example:
        >>> from tensorsmith.image import boxes
        >>> targets = boxes.encode_grid([[[8.0, 4.0, 24.0, 12.0]]], [[2]], [[16.0, 16.0]], (32, 32), (4, 4), 3)
        >>> print(targets.numpy()[0, 1, 2].round(2))  # the center is (16, 8), the corner of a cell
        [ 0.    0.   -0.69  0.    1.    0.    0.    1.  ]
    """
    boxes = as_boxes("boxes", boxes)
    check(boxes.shape.rank == 3, "boxes", Verbatim(f"shape {boxes.shape}"), "have shape (batch, n, 4)")
    classes = numbers("classes", classes, tf.int32)
    valid = classes.shape.is_compatible_with(boxes.shape[:2])
    check(valid, "classes", Verbatim(f"shape {classes.shape}"), f"have shape {boxes.shape[:2]} to match the boxes")
    sizes = _anchors(anchors)
    check(is_integer(num_classes) and num_classes > 0, "num_classes", num_classes, "a positive integer")
    _check_sides("image_size", image_size)
    _check_sides("grid_size", grid_size)
    rows, columns = grid_size
    # Centers and sizes in units of cells.
    cell = tf.constant([image_size[1] / columns, image_size[0] / rows], tf.float32)
    center, extent = (boxes[..., :2] + boxes[..., 2:]) / 2 / cell, boxes[..., 2:] - boxes[..., :2]
    index = tf.cast(tf.floor(center), tf.int32)
    column, row = index[..., 0], index[..., 1]
    used = (
        (classes >= 0)
        & (classes < num_classes)
        & tf.reduce_all(extent > 0, axis=-1)
        & (row >= 0)
        & (row < rows)
        & (column >= 0)
        & (column < columns)
    )
    anchor = tf.argmax(size_iou(extent[..., tf.newaxis, :], sizes), axis=-1, output_type=tf.int32)
    ratios = tf.math.log(tf.maximum(extent, 1e-6) / tf.gather(sizes, anchor))
    values = tf.stack(
        [
            *tf.unstack(center - tf.floor(center), axis=-1),
            ratios[..., 1],
            ratios[..., 0],
            tf.ones_like(extent[..., 0]),
        ],
        axis=-1,
    )
    batch, count = tf.shape(boxes)[0], sizes.shape[0]
    place = tf.range(batch)[:, tf.newaxis] * rows * columns + row * columns + column
    targets = _first(values, place * count + anchor, used, batch * rows * columns * count)
    one_hot = _first(tf.one_hot(classes, num_classes), place, used, batch * rows * columns)
    targets = tf.reshape(targets, [batch, rows, columns, 5 * count])
    one_hot = tf.reshape(one_hot, [batch, rows, columns, num_classes])
    return tf.ensure_shape(
        tf.concat([targets, one_hot], axis=-1), [boxes.shape[0], rows, columns, 5 * count + num_classes]
    )


class Detections(NamedTuple):
    """Boxes that a detector predicts, with their scores.

    Attributes:
        boxes: float32 tensor of shape `(batch, n, 4)` with x_min, y_min, x_max and y_max in pixels.
        scores: float32 tensor of shape `(batch, n, classes)` with the probability that there is an object of a class.
    """

    boxes: tf.Tensor
    scores: tf.Tensor


@tf.autograph.experimental.do_not_convert
def decode_grid(predictions: TensorLike, anchors: TensorLike, image_size: tuple[int, int]) -> Detections:
    """Return the boxes and scores that a detector predicts on a grid of cells.

    Args:
        predictions: Tensor of shape `(batch, rows, columns, 5 * anchors + classes)` with the logits of x, y, the
            presence of an object and the classes, and with the logarithms of the ratios of height and width to the
            anchor.
        anchors: Widths and heights of the anchors in pixels, of shape `(anchors, 2)`.
        image_size: Height and width of the images.

    Returns:
        A `Detections` tuple with `rows * columns * anchors` boxes for each image.

    Raises:
        ValueError: If a shape, a size or an anchor is invalid.

    Example:
        >>> import tensorflow as tf
        >>> from tensorsmith.image import boxes
        >>> detections = boxes.decode_grid(tf.zeros((1, 2, 2, 7)), [[8.0, 4.0]], (32, 32))
        >>> print(detections.boxes.numpy()[0, 0], detections.scores.numpy()[0, 0])
        [ 4.  6. 12. 10.] [0.25 0.25]
    """
    _check_sides("image_size", image_size)
    predictions, sizes = numbers("predictions", predictions, tf.float32), _anchors(anchors)
    shape, count = predictions.shape, sizes.shape[0]
    valid = shape.rank == 4 and None not in shape[1:] and shape[3] > 5 * count
    expected = f"have shape (batch, rows, columns, {5 * count} + classes)"
    check(valid, "predictions", Verbatim(f"shape {shape}"), expected)
    rows, columns, depth = shape[1:]
    parts = tf.reshape(predictions[..., : 5 * count], [-1, rows, columns, count, 5])
    corner = tf.constant(
        np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1)[:, :, np.newaxis], tf.float32
    )
    cell = tf.constant([image_size[1] / columns, image_size[0] / rows], tf.float32)
    center = (tf.sigmoid(parts[..., :2]) + corner) * cell
    half = tf.exp(parts[..., 3:1:-1]) * sizes / 2  # width, then height
    boxes = tf.reshape(tf.concat([center - half, center + half], axis=-1), [-1, rows * columns * count, 4])
    classes = tf.nn.softmax(predictions[..., tf.newaxis, 5 * count :])
    scores = tf.reshape(tf.sigmoid(parts[..., 4:]) * classes, [-1, rows * columns * count, depth - 5 * count])
    return Detections(boxes, scores)


def _anchors(anchors: TensorLike) -> tf.Tensor:
    sizes = numbers("anchors", anchors, tf.float32)
    shape = Verbatim(f"shape {sizes.shape}")
    check(
        sizes.shape.rank == 2 and sizes.shape[1] == 2 and bool(sizes.shape[0]),
        "anchors",
        shape,
        "have shape (anchors, 2)",
    )
    known = tf.get_static_value(sizes)
    valid = known is None or bool(((known > 0) & np.isfinite(known)).all())
    check(valid, "anchors", anchors, "positive and finite")
    return sizes


def _check_sides(name: str, sides: Any) -> None:
    valid = isinstance(sides, Sequence | np.ndarray) and len(sides) == 2
    valid = valid and all(is_integer(side) and side > 0 for side in sides)
    check(valid, name, sides, "two positive integers, for the height and the width")


def _first(values: tf.Tensor, place: tf.Tensor, used: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Return `count` rows: for each place the values of the first used box there, or 0."""
    flat = tf.reshape(values, [tf.size(place), values.shape[-1]])
    order = tf.range(tf.size(place))
    places = tf.where(tf.reshape(used, [-1]), tf.reshape(place, [-1]), -1)  # negative ones are dropped
    first = tf.math.unsorted_segment_min(order, places, count)
    found = first < tf.size(place)  # else the greatest integer
    rows = tf.gather(tf.pad(flat, [[0, 1], [0, 0]]), tf.where(found, first, tf.size(place)))
    return tf.where(found[:, tf.newaxis], rows, 0)
