"""Intersection over union (IoU) of boxes."""

import keras

from tensorsmith import ops
from tensorsmith.core import check, did_you_mean, export
from tensorsmith.core.types import Tensor, TensorLike

FORMATS = ("xyxy", "yxyx", "xywh", "center_xywh")


@export
def box_iou(boxes: TensorLike, others: TensorLike, box_format: str = "xyxy") -> Tensor:
    """Return the pairwise intersection over union (IoU) of two sets of boxes.

    The formats are those of `keras.utils.bounding_boxes`, and `tensorsmith.ops.box_iou` is the formula. Half-precision
    inputs are computed in `float32`, which is also the dtype of the result, because the area of a box in pixels
    overflows `float16`. Boxes without area have an intersection over union of 0 with all boxes. Leading axes are
    broadcast, so that one set of anchors can be compared with the boxes of all images. (`keras.metrics.MeanIoU` is a
    different metric, which compares the classes of pixels.)

    Args:
        boxes: Tensor of the first set of boxes, of shape `(..., n, 4)`.
        others: Tensor of the second set of boxes, of shape `(..., m, 4)`.
        box_format: Format of the boxes: `"xyxy"` for the corners (x_min, y_min, x_max, y_max), `"yxyx"` for (y_min,
            x_min, y_max, x_max), `"xywh"` for the upper-left corner, width and height, or `"center_xywh"` for the
            center, width and height.

    Returns:
        A tensor of shape `(..., n, m)`, with values in [0, 1].

    Raises:
        ValueError: If `box_format` is not one of those above, or the size of the last axis is not 4.

    Example:
        >>> print(box_iou([[0.0, 0.0, 2.0, 2.0]], [[0.0, 0.0, 2.0, 1.0], [3.0, 3.0, 4.0, 4.0]]).numpy())
        [[0.5 0. ]]
    """
    return overlaps(corners("boxes", boxes, box_format), corners("others", others, box_format))


def check_format(box_format: str) -> None:
    """Raise an ArgumentError unless the box format is supported."""
    check(box_format in FORMATS, "box_format", box_format, f"one of {FORMATS}", did_you_mean(str(box_format), FORMATS))


def corners(name: str, boxes: TensorLike, box_format: str) -> Tensor:
    """Return boxes in the format `"xyxy"`, with at least `float32` precision."""
    check_format(box_format)
    boxes = keras.ops.convert_to_tensor(boxes)
    check(boxes.shape[-1] == 4, name, tuple(boxes.shape), "have 4 coordinates along the last axis")
    dtype = keras.backend.result_type(boxes.dtype, "float32")
    return keras.utils.bounding_boxes.convert_format(boxes, box_format, "xyxy", dtype=dtype)


def overlaps(boxes: Tensor, others: Tensor, kind: str = "iou") -> Tensor:
    """Return the overlaps of all pairs of boxes in the format `"xyxy"`, see `tensorsmith.ops.box_iou`."""
    return ops.box_iou(boxes[..., :, None, :], others[..., None, :, :], kind)
