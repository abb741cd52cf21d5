"""The Hamming distance, and the loss that it is as a metric."""

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
    """How many entries differ, divided by the size of the first axis.

    Args:
        actuals: Labels.
        predictions: Labels of the same shape and type. A last axis of size 1 that only one of the two has is forgiven.

    Returns:
        A scalar of type float32.

    Raises:
        ValueError: The shapes differ.

    Example:
        >>> float(hamming_distance([1, 1, 0, 0], [1, 0, 0, 0]))
        0.25
    """
    differ = ops.not_equal(*same_shape(actuals, predictions, ("actuals", "predictions")))
    count = ops.cast(ops.count_nonzero(differ), STATE)
    return ops.cast(ops.divide_no_nan(count, ops.cast(ops.shape(differ)[0], STATE)), "float32")


@export
def hamming_loss_fn(y_true: TensorLike, y_pred: TensorLike, threshold: float | None, mode: str) -> Tensor:
    """Fraction of wrong labels of every sample.

    Args:
        y_true: Labels of 0 and 1; the last axis has one entry a class.
        y_pred: Scores of the same shape.
        threshold: Scores above it are decided to be 1, others 0. None: the largest of a sample is 1, unless it is 0.
        mode: "multiclass" (the loss is 0 if the true class is among those decided, and otherwise 1) or "multilabel"
            (it is the part of the labels decided wrongly).

    Returns:
        Losses, of the shape without its last axis, of type float32.

    Raises:
        ValueError: `mode` or `threshold` is none of those, or the shapes differ.

    Example:
        >>> y_true, y_pred = [[1, 0, 1, 0], [0, 1, 0, 1]], [[0.9, 0.1, 0.2, 0.1], [0.1, 0.9, 0.2, 0.8]]
        >>> print(hamming_loss_fn(y_true, y_pred, threshold=0.5, mode="multilabel").numpy())
        [0.25 0.  ]
    """
    _check_hamming(mode, threshold)
    y_true, y_pred = same_shape(y_true, y_pred)
    y_true, decided = ops.cast(y_true, "int32"), ops.cast(decide(y_pred, threshold), "int32")
    if mode == "multiclass":
        return 1.0 - ops.cast(ops.count_nonzero(y_true * decided, axis=-1), "float32")
    return ops.mean(ops.cast(ops.not_equal(y_true, decided), "float32"), axis=-1)


@export
class HammingLoss(StreamedMean):
    """Fraction of wrong labels, averaged over all samples since the last reset.

    Formula, with labels y of 0 and 1, decisions d made from scores, and C classes:

        loss of a sample = 1 - sum(y * d)            multiclass
                           sum(y != d) / C           multilabel

    Source: Tsoumakas and Katakis, "Multi-Label Classification: An Overview", 2007.

    Args:
        mode: "multiclass" or "multilabel".
        name: Name of the metric.
        threshold: Scores above it are decided to be 1, others 0. None: the largest of a sample is 1, unless it is 0.
        dtype: Precision of the result; `None` means Keras' default float. Sums are kept in float64.

    Call arguments:
        y_true: Labels of 0 and 1.
        y_pred: Scores.
        sample_weight: Optional weights, one a sample.

    Input shape:
        `(batch, ..., classes)`, both.

    Output shape:
        A scalar.

    Raises:
        ValueError: `mode` is neither of the two (Addons: TypeError, when updated), `threshold` is no number, or
            the shapes differ.

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
        """Takes in one batch."""
        losses = hamming_loss_fn(y_true, y_pred, self.threshold, self.mode)
        self.add(ops.cast(losses, STATE), weights_of(losses, sample_weight, y_pred))

    def result(self) -> Tensor:
        """The mean loss."""
        return ops.cast(self.mean(), self.dtype)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {**super().get_config(), "mode": self.mode, "threshold": self.threshold}


def _check_hamming(mode: str, threshold: float | None) -> None:
    check(mode in MODES, "mode", mode, "'multiclass' or 'multilabel'")
    infinite = isinstance(threshold, numbers.Real) and abs(threshold) == math.inf  # decides all alike
    fits = threshold is None or infinite or is_number(threshold)
    check(fits, "threshold", threshold, "a number or None")
