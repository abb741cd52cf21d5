"""Pairwise intersection over union of boxes, and its generalized and distance-based forms."""

import tensorflow as tf

from tensorsmith.core import check, did_you_mean
from tensorsmith.core.types import TensorLike
from tensorsmith.image.boxes._support.arguments import as_boxes

KINDS = ("iou", "giou", "diou")


def iou(boxes: TensorLike, others: TensorLike, kind: str = "iou") -> tf.Tensor:
    """Return the intersection over union (IoU), or GIoU or DIoU, of each pair of boxes of two sets.

    With the area of the intersection I and of the union U, IoU is I / U. With the smallest enclosing box, of area C and
    diagonal c, and the distance d between the centers, the others distinguish between disjoint boxes:

        GIoU = IoU - (C - U) / C        DIoU = IoU - d² / c²

    Sources: Rezatofighi et al., "Generalized Intersection over Union", 2019; Zheng et al., "Distance-IoU Loss: Faster
    and Better Learning for Bounding Box Regression", 2020. See `keras.utils.bounding_boxes.compute_ciou` for CIoU, and
    `tensorsmith.losses.GIoULoss` for a loss.

    Args:
        boxes: Tensor of shape `(..., n, 4)` with the coordinates x_min, y_min, x_max and y_max. Boxes whose maximum is
            less than their minimum have no area.
        others: Tensor of shape `(..., m, 4)`. The leading axes are broadcast.
        kind: "iou" for the intersection over union, from 0 to 1; "giou" or "diou", from -1 to 1.

    Returns:
        A float32 tensor of shape `(..., n, m)`. The intersection over union of boxes without area is 0.

    Raises:
        ValueError: If `kind` is unknown, or the size of the last axis is not 4.

    Example:
        >>> from tensorsmith.image import boxes
        >>> pair = [[0.0, 0.0, 2.0, 2.0]], [[0.0, 0.0, 2.0, 1.0], [2.0, 0.0, 4.0, 2.0]]
        >>> for kind in ("iou", "giou", "diou"):
        ...     print(boxes.iou(*pair, kind=kind).numpy().round(3))
        [[0.5 0. ]]
        [[0.5 0. ]]
        [[ 0.469 -0.2  ]]
    """
    _check_kind(kind)
    first, second = as_boxes("boxes", boxes)[..., :, tf.newaxis, :], as_boxes("others", others)[..., tf.newaxis, :, :]
    (low, high), (other_low, other_high) = ((each[..., :2], each[..., 2:]) for each in (first, second))
    intersection = _area(tf.maximum(low, other_low), tf.minimum(high, other_high))
    union = _area(low, high) + _area(other_low, other_high) - intersection
    ratio = tf.math.divide_no_nan(intersection, union)
    if kind == "iou":
        return ratio
    around_low, around_high = tf.minimum(low, other_low), tf.maximum(high, other_high)
    if kind == "giou":
        around = _area(around_low, around_high)
        return ratio - tf.math.divide_no_nan(around - union, around)
    distance = tf.reduce_sum(((low + high) - (other_low + other_high)) ** 2, axis=-1) / 4
    return ratio - tf.math.divide_no_nan(distance, tf.reduce_sum((around_high - around_low) ** 2, axis=-1))


@tf.autograph.experimental.do_not_convert  # AutoGraph warns of `difflib`, which suggests a similar name
def _check_kind(kind: str) -> None:
    valid = isinstance(kind, str) and kind in KINDS
    check(valid, "kind", kind, f"one of {KINDS}", "" if valid else did_you_mean(str(kind), KINDS))


def _area(low: tf.Tensor, high: tf.Tensor) -> tf.Tensor:
    return tf.reduce_prod(tf.maximum(high - low, 0), axis=-1)
