"""Average precision of detections, for each class."""

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
    """Mean over recalls of the best precision that there is with at least so much recall.

    Args:
        precision: Precisions, `(n, ...)`.
        recall: The recalls at which they are had, ascending along the first axis, of the same shape.
        recall_levels: How many recalls, evenly spaced from 0 to 1, to take: 11 as the PASCAL VOC challenge did until
            2009, 101 as COCO does; None for all, which gives the area, as VOC does since.

    Returns:
        NumPy array of the shape without its first axis.

    Raises:
        ValueError: `recall_levels` is neither an integer of 2 or more, nor None, or the shapes differ.

    Example:
        >>> float(average_precision([1.0, 0.5, 0.75], [0.25, 0.25, 0.75], None))  # 0.25 * 1 + 0.5 * 0.75
        0.625
    """
    check_levels(recall_levels)
    precision, recall = np.asarray(precision, "float64"), np.asarray(recall, "float64")
    check(recall.shape == precision.shape, "recall", recall.shape, f"the shape of `precision`, {precision.shape}")
    best = np.maximum.accumulate(precision[::-1])[::-1]
    if recall_levels is None:
        return np.sum(np.diff(recall, axis=0, prepend=0.0) * best, axis=0)
    levels = np.linspace(0.0, 1.0, recall_levels)
    means = np.empty(recall.shape[1:])
    for column in np.ndindex(means.shape):
        # The best precision at a level is that of the first place with so much recall.
        places = np.searchsorted(recall[:, *column], levels)
        means[column] = np.append(best[:, *column], 0.0)[places].mean()
    return means


@export
class AveragePrecision(keras.metrics.Metric):
    """How well boxes are found, for each class: precision, averaged over recalls and over what counts as found.

    Within an image and class, detections take turns in the order of their scores, and each takes the free true box that
    it overlaps most, if their intersection over union reaches the threshold. All detections of all images in the order
    of their scores then give a precision and a recall after each; see `average_precision`. The defaults are COCO's;
    `iou_thresholds=(0.5,), recall_levels=None` is that of VOC since 2010, with `recall_levels=11` that until 2009
    (VOC's own tools match a little differently: a detection whose best box is taken gets no other).

    Formula, with P the precision at a rank and R the recall:

        value = mean over thresholds and recall levels r of max of P where R >= r, 0 where there is none

    A true box that is a crowd need not be found, and what lies in it, or in other words shares as large a part of its
    own area with it as the threshold says, counts neither as right nor as wrong. COCO's tool sees at most the 100 best
    detections of a class in an image; so give no more. Detections are kept one by one, in the order of their arrival
    where scores are equal, which is all that depends on how batches are cut. XLA has no sizes that depend on data, so
    that a model with this metric wants `jit_compile=False` where Keras would use XLA, as it does with a GPU.

    Source: Everingham et al., "The PASCAL Visual Object Classes (VOC) Challenge", 2010; Lin et al., "Microsoft COCO:
    Common Objects in Context", 2014.

    Args:
        num_classes: Number of classes.
        iou_thresholds: Intersections over union from which on a box counts as found, each in (0, 1].
        recall_levels: How many recalls, evenly spaced from 0 to 1, to average over; None for all, the area.
        box_format: "yxyx", "xyxy", "xywh" or "center_xywh", as for `box_iou`.
        capacity: How many detections there may be between two resets, on one replica. Each takes 8 bytes for its
            class, its score, its weight and every threshold.
        name: Name of the metric.
        dtype: Precision of the result; `None` means Keras' default float. State is kept in float64.

    Call arguments:
        y_true: True boxes: 4 coordinates, class number, and optionally whether it is a crowd, 1 or 0. A class number
            below 0 fills up where an image has fewer boxes than others.
        y_pred: Detections: 4 coordinates, class number and score, filled up likewise.
        sample_weight: Optional weights, one an image: an image of weight 2 counts as two.

    Input shape:
        `(images, boxes, 5)` or `(images, boxes, 6)`, and `(images, detections, 6)`.

    Output shape:
        `(num_classes,)`; NaN for a class without a true box other than crowds.

    Raises:
        ValueError: An argument is none of the above, or a tensor has another shape.

    Example:
        >>> metric = AveragePrecision(num_classes=2, iou_thresholds=(0.5,))
        >>> truths = [[[0.0, 0.0, 2.0, 2.0, 0.0], [4.0, 4.0, 8.0, 8.0, 1.0]]]
        >>> found = [[[0.0, 0.0, 2.0, 1.9, 0.0, 0.9], [0.0, 0.0, 1.0, 1.0, 1.0, 0.8]]]  # the second is wrong
        >>> metric.update_state(truths, found)
        >>> print(metric.result().numpy())
        [1. 0.]
    """

    def __init__(
        self,
        num_classes: int,
        iou_thresholds: Sequence[float] = COCO,
        recall_levels: int | None = 101,
        box_format: str = "yxyx",
        capacity: int = 100_000,
        name: str = "average_precision",
        dtype: DType | None = None,
    ):
        check_num_classes(num_classes, least=1)
        iou_thresholds = iou_thresholds.tolist() if isinstance(iou_thresholds, np.ndarray) else iou_thresholds
        fits = isinstance(iou_thresholds, Sequence) and len(iou_thresholds) > 0
        fits = fits and all(is_number(each) and 0 < each <= 1 for each in iou_thresholds)
        check(fits, "iou_thresholds", iou_thresholds, "numbers in (0, 1], one at least", "give (0.5,) for one")
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
        # Of each detection class, score and weight, and what it is at every threshold, as `match` says.
        columns = 3 + len(iou_thresholds)
        self.detections = self.add_variable((slots(), capacity, columns), "zeros", dtype=STATE, name="detections")
        self.seen = self.add_variable((slots(),), "zeros", dtype=STATE, name="seen")

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Takes in a batch of images."""
        truths, truth_weights = self._boxes("y_true", y_true, sample_weight, (5, 6))
        found, weights = self._boxes("y_pred", y_pred, sample_weight, (6,))
        expected, images = truths["boxes"].shape[0], found["boxes"].shape[0]
        fits = None in (expected, images) or images == expected
        check(fits, "y_pred", Verbatim(f"{images} images"), f"as many as in `y_true`, {expected}")
        crowds = truths["rest"][..., 0] > 0 if truths["rest"].shape[-1] else ops.zeros_like(truths["labels"], "bool")
        counts = ops.where(crowds, 0.0, truth_weights)[..., None] * ops.one_hot(
            truths["labels"], self.num_classes, dtype=STATE
        )
        self.wanted.assign_add(ops.sum(counts, axis=(0, 1)))

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
        keep(self.detections, self.seen, tf.boolean_mask(rows, labels >= 0))  # keras.ops has no such thing

    def result(self) -> Tensor:
        """Average precision of every class."""
        rows = ops.reshape(self.detections, (-1, self.detections.shape[-1]))
        # In NumPy, which is as fast here, and which XLA refuses: sizes that depend on data would end its process.
        values = tf.numpy_function(self._of_classes, [rows, tf.convert_to_tensor(self.wanted)], STATE, stateful=False)
        return ops.cast(ops.reshape(values, (self.num_classes,)), self.dtype)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        own = {
            "num_classes": self.num_classes,
            "iou_thresholds": self.iou_thresholds,
            "recall_levels": self.recall_levels,
            "box_format": self.box_format,
            "capacity": self.capacity,
        }
        return {**super().get_config(), **own}

    def _of_classes(self, rows: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        rows = rows[rows[:, 2] > 0]
        rows = rows[np.argsort(-rows[:, 1], kind="stable")]
        values = np.full(self.num_classes, np.nan)
        for number in np.flatnonzero(wanted > 0):
            own = rows[rows[:, 0] == number]
            weights, outcomes = own[:, 2:3], own[:, 3:]
            right, counted = (np.cumsum(weights * kind, axis=0) for kind in (outcomes > 0, outcomes >= 0))
            precision = np.divide(right, counted, out=np.zeros_like(right), where=counted > 0)
            values[number] = np.mean(average_precision(precision, right / wanted[number], self.recall_levels))
        return values

    def _boxes(
        self, name: str, values: TensorLike, sample_weight: TensorLike | None, columns: tuple[int, ...]
    ) -> tuple[dict[str, Tensor], Tensor]:
        """The columns of boxes, and one weight for each; the class of what weighs nothing is -1."""
        given = ops.convert_to_tensor(values)
        fits = len(given.shape) == 3 and given.shape[-1] in columns
        check(fits, name, tuple(given.shape), f"(images, boxes, {' or '.join(map(str, columns))})")
        weights = weights_of(given[..., 0], sample_weight, values)
        boxes = ops.cast(given, STATE)
        there = ops.logical_and(boxes[..., 4] >= 0, weights > 0)
        labels = known_labels(boxes[..., 4], self.num_classes, ops.cast(there, STATE))
        return {"boxes": boxes[..., :4], "labels": ops.where(there, labels, -1), "rest": boxes[..., 5:]}, weights


def check_levels(recall_levels: int | None) -> None:
    """Raises ArgumentError unless it is a number of levels or None."""
    fits = recall_levels is None or (is_integer(recall_levels) and recall_levels >= 2)
    check(fits, "recall_levels", recall_levels, "an integer of 2 or more, or None", "give None for the whole area")
