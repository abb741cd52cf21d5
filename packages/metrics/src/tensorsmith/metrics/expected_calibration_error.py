"""How far a classifier's confidence is from its accuracy."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.counts import check_count
from tensorsmith.metrics._support.decisions import known_labels, known_probabilities
from tensorsmith.metrics._support.shapes import class_numbers
from tensorsmith.metrics._support.weighting import STATE, weights_of


@export
class ExpectedCalibrationError(keras.metrics.Metric):
    """How far a classifier's confidence is from its accuracy: of what it is 80 % sure, 80 % should be right.

    Samples are sorted by their confidence, which is the largest probability, into bins of equal widths.

    Formula, with accuracy and confidence the means of a bin, and its share the part of the samples that it has:

        value = sum over bins of share * |accuracy - confidence|

    It is 0 if nothing was seen. Sums of the bins are all that is kept, so that batches can be cut anyhow. It needs many
    samples in each bin: with few it is above 0 for a perfect model, too.

    Source: Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning", 2015; Guo et al., "On
    Calibration of Modern Neural Networks", 2017.

    Args:
        num_bins: Number of bins between 0 and 1.
        name: Name of the metric.
        dtype: Precision of the result; `None` means Keras' default float. Sums are kept in float64.

    Call arguments:
        y_true: Class numbers.
        y_pred: Probabilities of the classes, `keras.ops.softmax(logits)` of a model that gives logits; or with a last
            axis of size 1, that of class 1 of two.
        sample_weight: Optional weights, one a sample.

    Input shape:
        `(...)` or `(..., 1)`, and `(..., classes)`.

    Output shape:
        A scalar.

    Raises:
        ValueError: `num_bins` is no positive integer, or the shapes do not fit. Numbers of no class, and
            largest probabilities outside [0, 1], raise InvalidArgumentError, but under XLA.

    Example:
        >>> metric = ExpectedCalibrationError(num_bins=10)
        >>> metric.update_state([1, 0], [[0.25, 0.75], [0.25, 0.75]])  # 75 % sure, 50 % right
        >>> float(metric.result())
        0.25
    """

    def __init__(self, num_bins: int = 15, name: str = "expected_calibration_error", dtype: DType | None = None):
        check_count("num_bins", num_bins)
        super().__init__(name=name, dtype=dtype)
        self.num_bins = num_bins
        # Of each bin the sums of weights, of confidences and of right answers.
        self.sums = self.add_variable((num_bins, 3), "zeros", dtype=STATE, name="sums")

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Takes in one batch."""
        scores = ops.cast(y_pred, STATE)
        if scores.shape[-1] == 1:
            scores = ops.concatenate([1 - scores, scores], axis=-1)
        labels = class_numbers(y_true, scores)
        weights = weights_of(labels, sample_weight, y_pred)
        if scores.shape[-1] is not None:
            labels = known_labels(labels, scores.shape[-1], weights)
        confidence = known_probabilities(ops.max(scores, axis=-1, initial=-float("inf")), weights)
        right = ops.cast(ops.cast(ops.argmax(scores, axis=-1), labels.dtype) == labels, STATE)
        # A bin has its upper bound, as in the papers.
        bins = ops.clip(ops.ceil(confidence * self.num_bins) - 1, 0, self.num_bins - 1)
        facts = ops.stack([ops.ones_like(confidence), confidence, right], axis=-1) * weights[..., None]
        facts = ops.where(weights[..., None] == 0, 0.0, facts)  # what weighs nothing may be anything
        where = ops.one_hot(ops.reshape(ops.cast(bins, "int32"), (-1,)), self.num_bins, dtype=STATE)
        self.sums.assign_add(ops.matmul(ops.transpose(where), ops.reshape(facts, (-1, 3))))

    def result(self) -> Tensor:
        """The error."""
        weights, confidence, right = ops.unstack(self.sums, axis=1)
        gaps = ops.sum(ops.abs(right - confidence))  # shares and means have the weights as denominators, which cancel
        return ops.cast(ops.divide_no_nan(gaps, ops.sum(weights)), self.dtype)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {**super().get_config(), "num_bins": self.num_bins}
