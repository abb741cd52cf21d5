"""Hamming loss metric, and functions for the Hamming distance and loss."""

import math
import numbers
from typing import Any

from keras import ops

from tensorsmith.core import check, export, is_number
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.decisions import decide
from tensorsmith.metrics._support.shapes import same_shape
from tensorsmith.metrics._support.weighting import STATE, StreamedMean, weights_of

MODES = ("multiclass", "multilabel")


@export
def hamming_distance(actuals: TensorLike, predictions: TensorLike) -> Tensor:
    """Return the number of unequal elements, divided by the size of the first axis.

    Args:
        actuals: Tensor of true labels.
        predictions: Tensor of predicted labels, with the shape and dtype of `actuals`. A trailing axis of size 1 may be
            missing from one of the two tensors.

    Returns:
        A scalar of dtype `float32`.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> float(hamming_distance([1, 1, 0, 0], [1, 0, 0, 0]))
        0.25
    """
    differ = ops.not_equal(*same_shape(actuals, predictions, ("actuals", "predictions")))
    count = ops.cast(ops.count_nonzero(differ), STATE)
    return ops.cast(ops.divide_no_nan(count, ops.cast(ops.shape(differ)[0], STATE)), "float32")


@export
def hamming_loss_fn(y_true: TensorLike, y_pred: TensorLike, threshold: float | None, mode: str) -> Tensor:
    """Return the Hamming loss of each sample: the fraction of incorrect labels.

    Args:
        y_true: Tensor of binary labels, with classes along the last axis.
        y_pred: Tensor of scores, with the shape of `y_true`.
        threshold: Threshold of the scores. Scores above the threshold are converted to 1, all other scores to 0. If
            `None`, the largest score of each sample is converted to 1 unless that score is 0.
        mode: `"multiclass"` (the loss is 0 if the true class is among the predicted classes, otherwise 1) or
            `"multilabel"` (the loss is the fraction of incorrect labels).

    Returns:
        A tensor of dtype `float32`, with the shape of `y_pred` without its last axis.

    Raises:
        ValueError: If `mode` or `threshold` is not one of those above, or the shapes differ.

    Example:
        >>> y_true, y_pred = [[1, 0, 1, 0], [0, 1, 0, 1]], [[0.9, 0.1, 0.2, 0.1], [0.1, 0.9, 0.2, 0.8]]
        >>> print(hamming_loss_fn(y_true, y_pred, threshold=0.5, mode="multilabel").numpy())
        [0.25 0.  ]
    """
    _check_hamming(mode, threshold)
    y_true, y_pred = same_shape(y_true, y_pred)
    y_true, decided = ops.cast(y_true, "int32"), ops.cast(decide(y_pred, threshold), "int32")
    if mode == "multiclass":
        # A sample has one true class; it is wrong unless this class is among the predicted ones.
        return 1.0 - ops.cast(ops.count_nonzero(y_true * decided, axis=-1), "float32")
    return ops.mean(ops.cast(ops.not_equal(y_true, decided), "float32"), axis=-1)


@export
class HammingLoss(StreamedMean):
    """Hamming loss, the fraction of incorrect labels, averaged over all samples since the last reset.

    Formula, with binary labels y, binary predictions d computed from scores, and C classes:

        loss of a sample = 1 - sum(y * d)            multiclass
                           sum(y != d) / C           multilabel

    Source: Tsoumakas and Katakis, "Multi-Label Classification: An Overview", 2007.

    Args:
        mode: Type of classification, `"multiclass"` or `"multilabel"`.
        name: Name of the metric instance.
        threshold: Threshold of the scores. Scores above the threshold are converted to 1, all other scores to 0. If
            `None`, the largest score of each sample is converted to 1 unless that score is 0.
        dtype: Data type of the result. If `None`, `keras.config.floatx()` is used. Sums are accumulated in `float64`.

    Call arguments:
        y_true: Tensor of binary labels.
        y_pred: Tensor of scores.
        sample_weight: Optional weights, one per sample.

    Input shape:
        `(batch, ..., classes)` for both tensors.

    Output shape:
        A scalar.

    Raises:
        ValueError: If `mode` is not one of the two (TensorFlow Addons raises TypeError in `update_state`), `threshold`
            is not a number, or the shapes differ.

    Example:
        >>> metric = HammingLoss("multilabel", threshold=0.8)
        >>> metric.update_state([[1, 0, 1, 0], [0, 1, 0, 1]], [[0.82, 0.5, 0.9, 0.0], [0.0, 1.0, 0.4, 0.7]])
        >>> float(metric.result())
        0.125
    """

    def __init__(
        self, mode: str, name: str = "hamming_loss", threshold: float | None = None, dtype: DType | None = None
    ):
        _check_hamming(mode, threshold)
        super().__init__(name=name, dtype=dtype)
        self.mode = mode
        self.threshold = threshold

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Update the state with one batch."""
        losses = hamming_loss_fn(y_true, y_pred, self.threshold, self.mode)
        self.add(ops.cast(losses, STATE), weights_of(losses, sample_weight, y_pred))

    def result(self) -> Tensor:
        """Return the mean loss."""
        return ops.cast(self.mean(), self.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the metric."""
        return {**super().get_config(), "mode": self.mode, "threshold": self.threshold}


def _check_hamming(mode: str, threshold: float | None) -> None:
    check(mode in MODES, "mode", mode, "'multiclass' or 'multilabel'")
    infinite = isinstance(threshold, numbers.Real) and abs(threshold) == math.inf  # the same decision for all scores
    fits = threshold is None or infinite or is_number(threshold)
    check(fits, "threshold", threshold, "a number or None")
