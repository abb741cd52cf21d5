"""Average precision metric of object detection, per class."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tensorsmith.core import Verbatim, check, export, is_integer, is_number
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.counts import check_count
from tensorsmith.metrics._support.decisions import check_num_classes, known_labels
from tensorsmith.metrics._support.detection_matching import match
from tensorsmith.metrics._support.kept import keep
from tensorsmith.metrics._support.replicas import slots
from tensorsmith.metrics._support.weighting import STATE, weights_of
from tensorsmith.metrics.box_iou import check_format

COCO = tuple(percent / 100 for percent in range(50, 100, 5))


@export
def average_precision(precision: np.ndarray, recall: np.ndarray, recall_levels: int | None = 101) -> np.ndarray:
    """Return the interpolated average precision, given the points of a precision-recall curve.

    The interpolated precision at a recall level is the maximum precision at this or any higher recall.

    Args:
        precision: Array of precision values, of shape `(n, ...)`.
        recall: Array of the corresponding recall values, with the shape of `precision`, in ascending order along the
            first axis.
        recall_levels: Number of recall levels, evenly spaced from 0 to 1: 11 as in the PASCAL VOC challenge until 2009,
            or 101 as in COCO. If `None`, compute the area under the curve, as in VOC since 2010.

    Returns:
        A NumPy array with the shape of `precision` without its first axis.

    Raises:
        ValueError: If `recall_levels` is neither an integer `>= 2` nor `None`, or the shapes differ.

    Example:
        >>> float(average_precision([1.0, 0.5, 0.75], [0.25, 0.25, 0.75], None))  # 0.25 * 1 + 0.5 * 0.75
        0.625
    """
    check_levels(recall_levels)
    precision, recall = np.asarray(precision, "float64"), np.asarray(recall, "float64")
    check(recall.shape == precision.shape, "recall", recall.shape, f"have shape {precision.shape} to match `precision`")
    # The maximum over this and all higher recalls is a running maximum from the end.
    best = np.maximum.accumulate(precision[::-1])[::-1]
    if recall_levels is None:
        # Area under the step function of the interpolated precision.
        return np.sum(np.diff(recall, axis=0, prepend=0.0) * best, axis=0)
    levels = np.linspace(0.0, 1.0, recall_levels)
    means = np.empty(recall.shape[1:])
    for column in np.ndindex(means.shape):
        # The interpolated precision at a level is that of the first index with at least this recall.
        positions = np.searchsorted(recall[:, *column], levels)
        # Levels above the highest recall have precision 0.
        means[column] = np.append(best[:, *column], 0.0)[positions].mean()
    return means


@export
class AveragePrecision(keras.metrics.Metric):
    """Average precision of object detection for each class, as defined by COCO (including crowds) and VOC.

    Within an image and class, detections are matched in descending order of their scores. Each detection is matched
    with the unmatched true box of largest intersection over union, if this reaches the threshold. Precision and recall
    are then computed after each detection of all images, in the order of the scores; see `average_precision`. The
    defaults are those of COCO. `iou_thresholds=(0.5,), recall_levels=None` is the metric of VOC since 2010, and
    `recall_levels=11` that until 2009. (The tools of VOC match slightly differently: a detection whose best box is
    already matched remains unmatched.)

    Formula, with the precision P and the recall R at a rank:

        value = mean over thresholds and recall levels r of max of P where R >= r, 0 where there is none

    A true box marked as a crowd does not have to be detected. A detection whose intersection with a crowd, divided by
    the area of the detection, reaches the threshold is ignored. The COCO tool uses at most the 100 best detections per
    class and image; do not pass more than that to reproduce its values. Detections are stored individually. Equal
    scores are ordered by arrival, which is the only dependence on how the data are split into batches. The metric is
    not supported by XLA because its shapes depend on the data: compile models that use it with `jit_compile=False`
    where Keras would use XLA by default, as on a GPU.

    Source: Everingham et al., "The PASCAL Visual Object Classes (VOC) Challenge", 2010; Lin et al., "Microsoft COCO:
    Common Objects in Context", 2014.

    Args:
        num_classes: Number of object classes.
        iou_thresholds: Intersection over union (IoU) thresholds for matching detections with true boxes, each in (0,
            1].
        recall_levels: Number of recall levels to average over, evenly spaced from 0 to 1. If `None`, compute the area
            under the curve.
        box_format: Format of the boxes: `"xyxy"`, `"yxyx"`, `"xywh"` or `"center_xywh"`, as in `box_iou`.
        capacity: Maximum number of detections per replica between two calls of `reset_state`. Each detection requires
            24 bytes for the class, the score and the weight, and 8 bytes for each IoU threshold.
        name: Name of the metric instance.
        dtype: Data type of the result. If `None`, `keras.config.floatx()` is used. The state is stored in `float64`.

    Call arguments:
        y_true: Tensor of true boxes: 4 coordinates, the class index and, optionally, 1 for a crowd or 0 otherwise. Use
            negative class indices for padding if images have different numbers of boxes.
        y_pred: Tensor of detections: 4 coordinates, the class index and the score, padded in the same way.
        sample_weight: Optional weights, one per image. A weight of 2 is equivalent to repeating the image.

    Input shape:
        `y_true`: `(images, boxes, 5)` or `(images, boxes, 6)`. `y_pred`: `(images, detections, 6)`.

    Output shape:
        `(num_classes,)`, with NaN for classes without true boxes other than crowds.

    Raises:
        ValueError: If an argument is not one of those above, or a tensor has another shape.

    Example:
        >>> metric = AveragePrecision(num_classes=2, iou_thresholds=(0.5,))
        >>> truths = [[[0.0, 0.0, 2.0, 2.0, 0.0], [4.0, 4.0, 8.0, 8.0, 1.0]]]
        >>> found = [[[0.0, 0.0, 2.0, 1.9, 0.0, 0.9], [0.0, 0.0, 1.0, 1.0, 1.0, 0.8]]]  # the second overlaps too little
        >>> metric.update_state(truths, found)
        >>> print(metric.result().numpy())
        [1. 0.]
    """

    def __init__(
        self,
        num_classes: int,
        iou_thresholds: Sequence[float] = COCO,
        recall_levels: int | None = 101,
        box_format: str = "xyxy",
        capacity: int = 100_000,
        name: str = "average_precision",
        dtype: DType | None = None,
    ):
        check_num_classes(num_classes, least=1)
        iou_thresholds = iou_thresholds.tolist() if isinstance(iou_thresholds, np.ndarray) else iou_thresholds
        fits = isinstance(iou_thresholds, Sequence) and len(iou_thresholds) > 0
        fits = fits and all(is_number(each) and 0 < each <= 1 for each in iou_thresholds)
        check(
            fits,
            "iou_thresholds",
            iou_thresholds,
            "a non-empty sequence of numbers in (0, 1]",
            "pass (0.5,) for a single threshold",
        )
        check_levels(recall_levels)
        check_format(box_format)
        check_count("capacity", capacity)
        super().__init__(name=name, dtype=dtype)
        self.num_classes = num_classes
        self.iou_thresholds = tuple(iou_thresholds)
        self.recall_levels = recall_levels
        self.box_format = box_format
        self.capacity = capacity
        self.wanted = self.add_variable((num_classes,), "zeros", dtype=STATE, name="wanted")
        # Columns: class, score and weight of a detection, and its outcome at each threshold as returned by `match`.
        columns = 3 + len(iou_thresholds)
        self.detections = self.add_variable((slots(), capacity, columns), "zeros", dtype=STATE, name="detections")
        self.seen = self.add_variable((slots(),), "zeros", dtype=STATE, name="seen")

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Update the state with a batch of images."""
        truths, truth_weights = self._boxes("y_true", y_true, sample_weight, (5, 6))
        found, weights = self._boxes("y_pred", y_pred, sample_weight, (6,))
        expected, images = truths["boxes"].shape[0], found["boxes"].shape[0]
        fits = None in (expected, images) or images == expected
        check(
            fits, "y_pred", Verbatim(f"{images} images"), f"contain predictions for the {expected} images of `y_true`"
        )
        crowds = truths["rest"][..., 0] > 0 if truths["rest"].shape[-1] else ops.zeros_like(truths["labels"], "bool")
        # Boxes to detect, per class. Crowds do not count, and the label -1 of padding has a one-hot vector of zeros.
        counts = ops.where(crowds, 0.0, truth_weights)[..., None] * ops.one_hot(
            truths["labels"], self.num_classes, dtype=STATE
        )
        self.wanted.assign_add(ops.sum(counts, axis=(0, 1)))

        # Match the detections of each image in descending order of their scores.
        order = ops.argsort(-found["rest"][..., 0], axis=-1)
        boxes = ops.take_along_axis(found["boxes"], order[..., None], axis=1)
        labels, scores, weights = (
            ops.take_along_axis(each, order, axis=1) for each in (found["labels"], found["rest"][..., 0], weights)
        )
        outcomes = match(
            {"boxes": truths["boxes"], "labels": truths["labels"], "crowds": crowds},
            {"boxes": boxes, "labels": labels},
            self.iou_thresholds,
            self.box_format,
        )
        facts = ops.stack([ops.cast(labels, STATE), scores, weights], axis=-1)
        rows = ops.concatenate([facts, ops.cast(outcomes, STATE)], axis=-1)
        keep(self.detections, self.seen, tf.boolean_mask(rows, labels >= 0))  # not available in keras.ops

    def result(self) -> Tensor:
        """Return the average precision of each class."""
        rows = ops.reshape(self.detections, (-1, self.detections.shape[-1]))
        # NumPy is equally fast here, and XLA rejects it with an error. Shapes that depend on the data would instead
        # abort the process under XLA.
        values = tf.numpy_function(self._of_classes, [rows, tf.convert_to_tensor(self.wanted)], STATE, stateful=False)
        return ops.cast(ops.reshape(values, (self.num_classes,)), self.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the metric."""
        own = {
            "num_classes": self.num_classes,
            "iou_thresholds": self.iou_thresholds,
            "recall_levels": self.recall_levels,
            "box_format": self.box_format,
            "capacity": self.capacity,
        }
        return {**super().get_config(), **own}

    def _of_classes(self, rows: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        # Unused rows have weight 0. The stable sort orders equal scores by arrival.
        rows = rows[rows[:, 2] > 0]
        rows = rows[np.argsort(-rows[:, 1], kind="stable")]
        # The recall of classes without true boxes is undefined; their value remains NaN.
        values = np.full(self.num_classes, np.nan)
        for number in np.flatnonzero(wanted > 0):
            own = rows[rows[:, 0] == number]
            weights, outcomes = own[:, 2:3], own[:, 3:]
            # Cumulative weights of true positives and of all detections that are not ignored: (detections, thresholds).
            right, counted = (np.cumsum(weights * kind, axis=0) for kind in (outcomes > 0, outcomes >= 0))
            precision = np.divide(right, counted, out=np.zeros_like(right), where=counted > 0)
            values[number] = np.mean(average_precision(precision, right / wanted[number], self.recall_levels))
        return values

    def _boxes(
        self, name: str, values: TensorLike, sample_weight: TensorLike | None, columns: tuple[int, ...]
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Return a dict of box coordinates and classes, and a weight per box. Boxes of weight 0 have the class -1."""
        given = ops.convert_to_tensor(values)
        fits = len(given.shape) == 3 and given.shape[-1] in columns
        check(fits, name, tuple(given.shape), f"have shape (images, boxes, {' or '.join(map(str, columns))})")
        weights = weights_of(given[..., 0], sample_weight, values)
        boxes = ops.cast(given, STATE)
        # Negative class indices mark padding.
        there = ops.logical_and(boxes[..., 4] >= 0, weights > 0)
        labels = known_labels(boxes[..., 4], self.num_classes, ops.cast(there, STATE))
        return {"boxes": boxes[..., :4], "labels": ops.where(there, labels, -1), "rest": boxes[..., 5:]}, weights


def check_levels(recall_levels: int | None) -> None:
    """Raise an ArgumentError unless the number of recall levels is `None` or an integer of at least 2."""
    fits = recall_levels is None or (is_integer(recall_levels) and recall_levels >= 2)
    check(
        fits, "recall_levels", recall_levels, "an integer >= 2, or None", "pass None for the area under the whole curve"
    )
