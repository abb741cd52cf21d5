"""Mean average precision (mAP) metric of object detection."""

from collections.abc import Sequence

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import DType, Tensor
from tensorsmith.metrics.average_precision import COCO, AveragePrecision


@export
class MeanAveragePrecision(AveragePrecision):
    """Mean average precision (mAP) of object detection: `AveragePrecision`, averaged over classes.

    The defaults give the primary metric of COCO, AP@[.50:.05:.95]; `iou_thresholds=(0.5,)` gives its AP50.

    Formula:

        value = mean of the average precisions of all classes with at least one true box, 0 if there are none

    Source: Lin et al., "Microsoft COCO: Common Objects in Context", 2014.

    Args:
        num_classes: Number of object classes.
        iou_thresholds: Intersection over union (IoU) thresholds for matching detections with true boxes, each in (0,
            1].
        recall_levels: Number of recall levels to average over, evenly spaced from 0 to 1. If `None`, compute the area
            under the curve.
        box_format: Format of the boxes: `"xyxy"`, `"yxyx"`, `"xywh"` or `"center_xywh"`, as in `box_iou`.
        capacity: Maximum number of detections per replica between two calls of `reset_state`.
        name: Name of the metric instance.
        dtype: Data type of the result. If `None`, `keras.config.floatx()` is used. The state is stored in `float64`.

    Call arguments:
        y_true: Tensor of true boxes: 4 coordinates, the class index and, optionally, 1 for a crowd or 0 otherwise.
        y_pred: Tensor of detections: 4 coordinates, the class index and the score.
        sample_weight: Optional weights, one per image.

    Input shape:
        The same as for `AveragePrecision`.

    Output shape:
        A scalar.

    Raises:
        ValueError: In the same cases as `AveragePrecision`.

    Example:
        >>> metric = MeanAveragePrecision(num_classes=3, iou_thresholds=(0.5,))
        >>> truths = [[[0.0, 0.0, 2.0, 2.0, 0.0], [4.0, 4.0, 8.0, 8.0, 1.0]]]
        >>> found = [[[0.0, 0.0, 2.0, 1.9, 0.0, 0.9], [0.0, 0.0, 1.0, 1.0, 1.0, 0.8]]]
        >>> metric.update_state(truths, found)
        >>> float(metric.result())  # mean of 1 and 0; the third class has no true boxes
        0.5
    """

    def __init__(
        self,
        num_classes: int,
        iou_thresholds: Sequence[float] = COCO,
        recall_levels: int | None = 101,
        box_format: str = "xyxy",
        capacity: int = 100_000,
        name: str = "mean_average_precision",
        dtype: DType | None = None,
    ):
        super().__init__(num_classes, iou_thresholds, recall_levels, box_format, capacity, name, dtype)

    def result(self) -> Tensor:
        """Return the mean average precision."""
        values, there = super().result(), ops.convert_to_tensor(self.wanted) > 0
        total = ops.sum(ops.where(there, values, 0.0))
        return ops.divide_no_nan(total, ops.sum(ops.cast(there, self.dtype)))
