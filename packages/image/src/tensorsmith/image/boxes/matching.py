"""Assignment of true boxes to the anchor boxes of a detector."""

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.image._support.checks import known_number
from tensorsmith.image.boxes._support.arguments import as_boxes
from tensorsmith.image.boxes.iou import iou

BACKGROUND, IGNORED = -1, -2


def match_anchors(anchors: TensorLike, boxes: TensorLike, positive: float = 0.5, negative: float = 0.4) -> tf.Tensor:
    """Return the index of the box that is assigned to each anchor box.

    An anchor is assigned to the box with the greatest intersection over union (IoU), if it is at least `positive`. It
    is background if the IoU is less than `negative`, and ignored otherwise. In addition, the anchor that overlaps a box
    best is assigned to this box in any case. If several boxes have the same best anchor, the last one gets it. Sources:
    Liu et al., "SSD: Single Shot MultiBox Detector", 2016; Lin et al., "Focal Loss for Dense Object Detection", 2017.
    `keras.utils.bounding_boxes.encode_box_to_deltas` encodes the boxes relative to their anchors.

    Args:
        anchors: Tensor of shape `(anchors, 4)` with the coordinates x_min, y_min, x_max and y_max.
        boxes: Tensor of true boxes, of shape `(batch, n, 4)` or `(n, 4)`. Boxes without area, with which batches are
            padded, are never assigned.
        positive: Least IoU of an assigned anchor.
        negative: Greatest IoU of an anchor in the background.

    Returns:
        An int32 tensor of shape `(batch, anchors)` or `(anchors,)`: the index of a box, -1 for the background, or -2
        for anchors to be ignored.

    Raises:
        ValueError: If a shape is invalid, or unless `0 <= negative <= positive <= 1`.

    Example:
        >>> from tensorsmith.image import boxes
        >>> anchors = [[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 8.0], [4.0, 4.0, 8.0, 8.0], [6.0, 6.0, 8.0, 8.0]]
        >>> print(boxes.match_anchors(anchors, [[0.0, 0.0, 4.0, 5.0], [5.0, 5.0, 8.0, 8.0]]).numpy())
        [ 0  0  1 -2]
    """
    positive, negative = known_number("positive", positive), known_number("negative", negative)
    check(0 <= positive <= 1, "positive", positive, "a number from 0 to 1")
    check(0 <= negative <= positive, "negative", negative, f"a number from 0 to `positive`, which is {positive}")
    anchors, boxes = as_boxes("anchors", anchors), as_boxes("boxes", boxes)
    check(anchors.shape.rank == 2, "anchors", Verbatim(f"shape {anchors.shape}"), "have shape (anchors, 4)")
    valid = boxes.shape.rank in (2, 3)
    check(valid, "boxes", Verbatim(f"shape {boxes.shape}"), "have shape (batch, n, 4) or (n, 4)")
    # A column of zeros stands for the background, so that there is a maximum without boxes.
    overlap = tf.pad(iou(anchors, boxes), [[0, 0]] * (boxes.shape.rank - 1) + [[0, 1]])
    best, best_iou = tf.argmax(overlap, axis=-1, output_type=tf.int32), tf.reduce_max(overlap, axis=-1)
    assigned = tf.where(best_iou >= positive, best, tf.where(best_iou < negative, BACKGROUND, IGNORED))
    # The first of the best anchors of each box.
    count = tf.shape(anchors)[0]
    favorite = tf.argmax(overlap, axis=-2, output_type=tf.int32)
    favorite = tf.where(tf.reduce_max(overlap, axis=-2) > 0, favorite, -1)
    chosen = favorite[..., tf.newaxis, :] == tf.range(count)[:, tf.newaxis]
    owner = tf.reduce_max(tf.where(chosen, tf.range(tf.shape(overlap)[-1]), -1), axis=-1)
    return tf.where(owner >= 0, owner, assigned)
