"""Pairwise intersection over union of boxes, and its generalized and distance-based forms."""

import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core.types import TensorLike
from tensorsmith.image.boxes._support.arguments import as_boxes


def iou(boxes: TensorLike, others: TensorLike, kind: str = "iou") -> tf.Tensor:
    """Return the intersection over union (IoU), GIoU, DIoU or IoF of each pair of boxes of two sets.

    See `tensorsmith.ops.box_iou` for the formulas and their sources, `keras.utils.bounding_boxes.compute_ciou` for
    CIoU, and `tensorsmith.losses.GIoULoss` for a loss.

    Args:
        boxes: Tensor of shape `(..., n, 4)` with the coordinates x_min, y_min, x_max and y_max. Boxes whose maximum is
            less than their minimum have no area.
        others: Tensor of shape `(..., m, 4)`. The leading axes are broadcast.
        kind: "iou" for the intersection over union, or "iof" for the intersection over the area of the first box, from
            0 to 1; "giou" or "diou", which distinguish between disjoint boxes, from -1 to 1.

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
    boxes, others = as_boxes("boxes", boxes), as_boxes("others", others)
    return ops.box_iou(boxes[..., :, tf.newaxis, :], others[..., tf.newaxis, :, :], kind)
