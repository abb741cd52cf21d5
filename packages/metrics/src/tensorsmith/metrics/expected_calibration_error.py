"""Expected calibration error metric of classifiers."""

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
    """Expected calibration error, the mean difference between the confidence and the accuracy of a classifier.

    In a calibrated model, 80 % of the predictions with a confidence of 80 % are correct. Samples are assigned to bins
    of equal width by their confidence, which is the largest predicted probability.

    Formula, with the mean accuracy and mean confidence of a bin and the fraction of samples in it:

        value = sum over bins of fraction * |accuracy - confidence|

    The result is 0 before the first update. The state consists of sums per bin, so the result does not depend on how
    the data are split into batches. Each bin needs many samples: with few, the error is positive for a perfectly
    calibrated model, too.

    Source: Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning", 2015; Guo et al., "On
    Calibration of Modern Neural Networks", 2017.

    Args:
        num_bins: Number of confidence bins between 0 and 1.
        name: Name of the metric instance.
        dtype: Data type of the result. If `None`, `keras.config.floatx()` is used. Sums are accumulated in `float64`.

    Call arguments:
        y_true: Tensor of class indices.
        y_pred: Tensor of class probabilities; apply `keras.ops.softmax` to logits. With a last axis of size 1, the
            probability of class 1 of two classes.
        sample_weight: Optional weights, one per sample.

    Input shape:
        `y_true`: `(...)` or `(..., 1)`. `y_pred`: `(..., classes)`.

    Output shape:
        A scalar.

    Raises:
        ValueError: If `num_bins` is not a positive integer, or the shapes do not match. Invalid class indices, and
            maximum probabilities outside [0, 1], raise InvalidArgumentError, except under XLA.

    Example:
        >>> metric = ExpectedCalibrationError(num_bins=10)
        >>> metric.update_state([1, 0], [[0.25, 0.75], [0.25, 0.75]])  # confidence 75 %, accuracy 50 %
        >>> float(metric.result())
        0.25
    """

    def __init__(self, num_bins: int = 15, name: str = "expected_calibration_error", dtype: DType | None = None):
        check_count("num_bins", num_bins)
        super().__init__(name=name, dtype=dtype)
        self.num_bins = num_bins
        # Columns: the sums of the weights, confidences and correct predictions of each bin.
        self.sums = self.add_variable((num_bins, 3), "zeros", dtype=STATE, name="sums")

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Update the state with one batch."""
        scores = ops.cast(y_pred, STATE)
        if scores.shape[-1] == 1:
            # Binary probabilities as those of two classes: (..., 2).
            scores = ops.concatenate([1 - scores, scores], axis=-1)
        labels = class_numbers(y_true, scores)
        weights = weights_of(labels, sample_weight, y_pred)
        if scores.shape[-1] is not None:
            labels = known_labels(labels, scores.shape[-1], weights)
        confidence = known_probabilities(ops.max(scores, axis=-1, initial=-float("inf")), weights)
        right = ops.cast(ops.cast(ops.argmax(scores, axis=-1), labels.dtype) == labels, STATE)
        # A bin includes its upper bound, as in the papers.
        bins = ops.clip(ops.ceil(confidence * self.num_bins) - 1, 0, self.num_bins - 1)
        facts = ops.stack([ops.ones_like(confidence), confidence, right], axis=-1) * weights[..., None]
        facts = ops.where(weights[..., None] == 0, 0.0, facts)  # samples of weight 0 may be NaN
        # The product with the one-hot bins sums the rows of each bin: (bins, 3).
        where = ops.one_hot(ops.reshape(ops.cast(bins, "int32"), (-1,)), self.num_bins, dtype=STATE)
        self.sums.assign_add(ops.matmul(ops.transpose(where), ops.reshape(facts, (-1, 3))))

    def result(self) -> Tensor:
        """Return the calibration error."""
        weights, confidence, right = ops.unstack(self.sums, axis=1)
        gaps = ops.sum(ops.abs(right - confidence))  # the weights cancel
        return ops.cast(ops.divide_no_nan(gaps, ops.sum(weights)), self.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the metric."""
        return {**super().get_config(), "num_bins": self.num_bins}
