"""Intersection over union (IoU) of boxes."""

import keras
from keras import ops

from tensorsmith.core import check, did_you_mean, export
from tensorsmith.core.types import Tensor, TensorLike

FORMATS = ("yxyx", "xyxy", "xywh", "center_xywh")


@export
def box_iou(boxes: TensorLike, others: TensorLike, box_format: str = "yxyx") -> Tensor:
    """Return the pairwise intersection over union (IoU) of two sets of boxes.

    Half-precision inputs are computed in `float32`, which is also the dtype of the result, because the area of a box in
    pixels overflows `float16`. Boxes without area have an intersection over union of 0 with all boxes. Leading axes are
    broadcast, so that one set of anchors can be compared with the boxes of all images. (`keras.metrics.MeanIoU` is a
    different metric, which compares the classes of pixels.)

    Args:
        boxes: Tensor of the first set of boxes, of shape `(..., n, 4)`.
        others: Tensor of the second set of boxes, of shape `(..., m, 4)`.
        box_format: Format of the boxes: `"yxyx"` for the corners (y_min, x_min, y_max, x_max), `"xyxy"` for (x_min,
            y_min, x_max, y_max), `"xywh"` for the upper-left corner, width and height, or `"center_xywh"` for the
            center, width and height.

    Returns:
        A tensor of shape `(..., n, m)`, with values in [0, 1].

    Raises:
        ValueError: If `box_format` is not one of those above, or the size of the last axis is not 4.

    Example:
        >>> print(box_iou([[0.0, 0.0, 2.0, 2.0]], [[0.0, 0.0, 2.0, 1.0], [3.0, 3.0, 4.0, 4.0]]).numpy())
        [[0.5 0. ]]
    """
    common, area, other_area = intersections(corners(boxes, box_format), corners(others, box_format))
    return ops.divide_no_nan(common, area + other_area - common)


def check_format(box_format: str) -> None:
    """Raise an ArgumentError unless the box format is supported."""
    check(box_format in FORMATS, "box_format", box_format, f"one of {FORMATS}", did_you_mean(str(box_format), FORMATS))


def corners(boxes: TensorLike, box_format: str) -> tuple[Tensor, Tensor]:
    """Return the minimum and maximum corners of boxes, in the given axis order and at least `float32` precision."""
    check_format(box_format)
    boxes = ops.convert_to_tensor(boxes)
    check(boxes.shape[-1] == 4, "boxes", tuple(boxes.shape), "have 4 coordinates along the last axis")
    boxes = ops.cast(boxes, keras.backend.result_type(boxes.dtype, "float32"))
    first, second = boxes[..., :2], boxes[..., 2:]
    if box_format == "center_xywh":
        # Convert the center to the minimum corner.
        first = first - second / 2
    return first, first + second if box_format.endswith("wh") else second


def intersections(boxes: tuple[Tensor, Tensor], others: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the pairwise intersection areas of two sets of boxes, and the areas of the boxes."""
    # Broadcast the boxes along rows and the others along columns: (..., n, 1, 2) and (..., 1, m, 2).
    low, high = (each[..., :, None, :] for each in boxes)
    other_low, other_high = (each[..., None, :, :] for each in others)
    common = _area(ops.maximum(low, other_low), ops.minimum(high, other_high))
    return common, _area(low, high), _area(other_low, other_high)


def _area(low: Tensor, high: Tensor) -> Tensor:
    # The intersection of disjoint boxes has negative sides and an area of 0.
    sides = ops.maximum(high - low, 0)
    return sides[..., 0] * sides[..., 1]
