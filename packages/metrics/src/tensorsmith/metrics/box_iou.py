"""Intersection over union of boxes."""

import keras
from keras import ops

from tensorsmith.core import check, did_you_mean, export
from tensorsmith.core.types import Tensor, TensorLike

FORMATS = ("yxyx", "xyxy", "xywh", "center_xywh")


@export
def box_iou(boxes: TensorLike, others: TensorLike, box_format: str = "yxyx") -> Tensor:
    """Intersection over union of every box with every other one.

    Half precision is computed, and returned, in float32: areas of boxes in pixels overflow float16. Boxes without area
    have 0 with all. Axes before the last two are broadcast, so that one set of anchors serves all images.
    (`keras.metrics.MeanIoU` is another thing: it compares the classes of pixels.)

    Args:
        boxes: Boxes, `(..., n, 4)`.
        others: Boxes, `(..., m, 4)`.
        box_format: "yxyx" for the corners as (y_min, x_min, y_max, x_max), "xyxy" likewise; "xywh" for the upper left
            corner, width and height; "center_xywh" for the center, width and height.

    Returns:
        Tensor of shape `(..., n, m)`, in [0, 1].

    Raises:
        ValueError: `box_format` is none of the above, or the last axis has another size than 4.

    Example:
        >>> print(box_iou([[0.0, 0.0, 2.0, 2.0]], [[0.0, 0.0, 2.0, 1.0], [3.0, 3.0, 4.0, 4.0]]).numpy())
        [[0.5 0. ]]
    """
    common, area, other_area = intersections(corners(boxes, box_format), corners(others, box_format))
    return ops.divide_no_nan(common, area + other_area - common)


def check_format(box_format: str) -> None:
    """Raises ArgumentError unless it is the name of a format."""
    check(box_format in FORMATS, "box_format", box_format, f"one of {FORMATS}", did_you_mean(str(box_format), FORMATS))


def corners(boxes: TensorLike, box_format: str) -> tuple[Tensor, Tensor]:
    """The least and the largest coordinates of boxes, in at least float32; which axis comes first does not matter."""
    check_format(box_format)
    boxes = ops.convert_to_tensor(boxes)
    check(boxes.shape[-1] == 4, "boxes", tuple(boxes.shape), "boxes of 4 coordinates along the last axis")
    boxes = ops.cast(boxes, keras.backend.result_type(boxes.dtype, "float32"))
    first, second = boxes[..., :2], boxes[..., 2:]
    if box_format == "center_xywh":
        first = first - second / 2
    return first, first + second if box_format.endswith("wh") else second


def intersections(boxes: tuple[Tensor, Tensor], others: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Common areas `(..., n, m)`, areas `(..., n, 1)` and the others' areas `(..., 1, m)` of boxes given as corners."""
    low, high = (each[..., :, None, :] for each in boxes)
    other_low, other_high = (each[..., None, :, :] for each in others)
    common = _area(ops.maximum(low, other_low), ops.minimum(high, other_high))
    return common, _area(low, high), _area(other_low, other_high)


def _area(low: Tensor, high: Tensor) -> Tensor:
    sides = ops.maximum(high - low, 0)
    return sides[..., 0] * sides[..., 1]
