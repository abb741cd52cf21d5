"""Mean average precision of detections."""

from collections.abc import Sequence

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import DType, Tensor
from tensorsmith.metrics.average_precision import COCO, AveragePrecision


@export
class MeanAveragePrecision(AveragePrecision):
    """How well boxes are found: `AveragePrecision`, averaged over the classes that there are.

    The defaults give the number that COCO ranks by, AP@[.50:.05:.95]; `iou_thresholds=(0.5,)` its AP50.

    Formula:

        value = mean of the average precisions of all classes of which a true box was seen, 0 if there are none

    Source: Lin et al., "Microsoft COCO: Common Objects in Context", 2014.

    Args:
        num_classes: Number of classes.
        iou_thresholds: Intersections over union from which on a box counts as found, each in (0, 1].
        recall_levels: How many recalls, evenly spaced from 0 to 1, to average over; None for all, the area.
        box_format: "yxyx", "xyxy", "xywh" or "center_xywh", as for `box_iou`.
        capacity: How many detections there may be between two resets, on one replica.
        name: Name of the metric.
        dtype: Precision of the result; `None` means Keras' default float. State is kept in float64.

    Call arguments:
        y_true: True boxes: 4 coordinates, class number, and optionally whether it is a crowd.
        y_pred: Detections: 4 coordinates, class number and score.
        sample_weight: Optional weights, one an image.

    Input shape:
        As for `AveragePrecision`.

    Output shape:
        A scalar.

    Raises:
        ValueError: As for `AveragePrecision`.

    Example:
        >>> metric = MeanAveragePrecision(num_classes=3, iou_thresholds=(0.5,))
        >>> truths = [[[0.0, 0.0, 2.0, 2.0, 0.0], [4.0, 4.0, 8.0, 8.0, 1.0]]]
        >>> found = [[[0.0, 0.0, 2.0, 1.9, 0.0, 0.9], [0.0, 0.0, 1.0, 1.0, 1.0, 0.8]]]
        >>> metric.update_state(truths, found)
        >>> float(metric.result())  # 1 and 0; of the third class there is nothing to find
        0.5
    """

    def __init__(
        self,
        num_classes: int,
        iou_thresholds: Sequence[float] = COCO,
        recall_levels: int | None = 101,
        box_format: str = "yxyx",
        capacity: int = 100_000,
        name: str = "mean_average_precision",
        dtype: DType | None = None,
    ):
        super().__init__(num_classes, iou_thresholds, recall_levels, box_format, capacity, name, dtype)

    def result(self) -> Tensor:
        """The mean."""
        values, there = super().result(), ops.convert_to_tensor(self.wanted) > 0
        total = ops.sum(ops.where(there, values, 0.0))
        return ops.divide_no_nan(total, ops.sum(ops.cast(there, self.dtype)))
