"""The F-beta score."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_number
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.decisions import check_num_classes, decide, expect_classes, known_labels
from tensorsmith.metrics._support.weighting import STATE, weights_of

AVERAGES = (None, "micro", "macro", "weighted")


@export
class FBetaScore(keras.metrics.Metric):
    """Weighted harmonic mean of precision and recall, for classes and for labels that do not exclude each other.

    Unlike those of TensorFlow Addons and Keras it takes labels and predictions of any rank, of rank 1 for one class,
    and with `sparse_labels` class numbers.

    Formula, for each class:

        value = (1 + beta^2) * precision * recall / (beta^2 * precision + recall)

    It is 0 where there is neither a true nor a predicted sample.

    Source: van Rijsbergen, "Information Retrieval", 1979.

    Args:
        num_classes: Number of classes; 1 for a single label, there or not.
        average: None (one score a class), "micro" (of the counts of all classes), "macro" (mean of the scores) or
            "weighted" (their mean, weighted by the number of true samples).
        beta: How many times as much recall counts as precision, above 0.
        threshold: Scores above it are decided to be 1, others 0. None: the largest of a sample is 1, unless it is 0.
        name: Name of the metric.
        dtype: Precision of the result; `None` means Keras' default float. Counts are kept in float64.
        sparse_labels: The labels are class numbers instead of zeros and ones, and so are predictions of integer type.

    Call arguments:
        y_true: Labels of 0 and 1, or class numbers.
        y_pred: Scores, or class numbers.
        sample_weight: Optional weights, one a sample.

    Input shape:
        `(batch, ..., num_classes)` for labels of 0 and 1 and for scores; the last axis may be missing if it has size 1.
        `(batch, ...)` or `(batch, ..., 1)` for class numbers.

    Output shape:
        `(num_classes,)` if `average` is None, else a scalar.

    Raises:
        ValueError: `num_classes` is no positive integer, `average` is unknown, `beta` is not above 0, `threshold` is
            outside (0, 1], or the shapes do not fit. Class numbers outside the classes raise InvalidArgumentError, but
            under XLA.

    Example:
        >>> metric = FBetaScore(num_classes=3, beta=2.0, threshold=0.5)
        >>> metric.update_state([[1, 1, 1], [1, 0, 0], [1, 1, 0]], [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0.0]])
        >>> print(metric.result().numpy().round(4))
        [0.3846 0.9091 0.8333]
        >>> metric = FBetaScore(num_classes=3, average="micro", sparse_labels=True)
        >>> metric.update_state([0, 1, 2, 2], [0, 2, 2, 2])
        >>> float(metric.result())
        0.75
    """

    def __init__(
        self,
        num_classes: int,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str = "fbeta_score",
        dtype: DType | None = None,
        sparse_labels: bool = False,
    ):
        check_num_classes(num_classes, least=1)
        check(average in AVERAGES, "average", average, "None, 'micro', 'macro' or 'weighted'")
        check(is_number(beta) and beta > 0, "beta", beta, "a number above 0")
        fits = threshold is None or (is_number(threshold) and 0 < threshold <= 1)
        check(fits, "threshold", threshold, "a number in (0, 1], or None")
        super().__init__(name=name, dtype=dtype)
        self.num_classes = num_classes
        self.average = average
        self.beta = beta
        self.threshold = threshold
        self.sparse_labels = sparse_labels
        self.hits, self.predicted, self.actual = (
            self.add_variable((num_classes,), "zeros", dtype=STATE, name=name)
            for name in ("hits", "predicted", "actual")
        )

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Takes in one batch."""
        labels, scores = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        if self.sparse_labels and not keras.backend.is_float_dtype(scores.dtype):
            samples = _squeezed(scores, len(labels.shape))
            weights = weights_of(samples, sample_weight, y_pred)
            decided = self._one_hot(samples, weights)
        else:
            scores = self._with_classes("y_pred", scores)
            samples = scores[..., 0]
            weights = weights_of(samples, sample_weight, y_pred)
            decided = ops.cast(decide(scores, self.threshold), STATE)
        if self.sparse_labels:
            true, expected = _squeezed(labels, len(samples.shape)), samples.shape
        else:
            true, expected = ops.cast(self._with_classes("y_true", labels), STATE), decided.shape
        fits = true.shape.is_compatible_with(expected)
        check(fits, "y_true", tuple(labels.shape), f"a shape that fits predictions of {tuple(scores.shape)}")
        if self.sparse_labels:
            true = self._one_hot(true, weights)
        weights = ops.expand_dims(weights, -1)
        every_sample = range(len(samples.shape))
        self.hits.assign_add(ops.sum(weights * true * decided, axis=every_sample))
        self.predicted.assign_add(ops.sum(weights * decided, axis=every_sample))
        self.actual.assign_add(ops.sum(weights * true, axis=every_sample))

    def _with_classes(self, name: str, tensor: Tensor) -> Tensor:
        """The tensor with a last axis for the classes, which may be missing if there is one."""
        if self.num_classes == 1 and (len(tensor.shape) == 1 or tensor.shape[-1] != 1):
            return ops.expand_dims(tensor, -1)
        expect_classes(name, tensor, self.num_classes)
        return tensor

    def _one_hot(self, labels: Tensor, weights: Tensor) -> Tensor:
        return ops.one_hot(known_labels(labels, self.num_classes, weights), self.num_classes, dtype=STATE)

    def result(self) -> Tensor:
        """The score, or those of the classes."""
        counts = [ops.convert_to_tensor(count) for count in (self.hits, self.predicted, self.actual)]
        if self.average == "micro":
            counts = [ops.sum(count) for count in counts]
        hits, predicted, actual = counts
        # The formula with precision = hits / predicted and recall = hits / actual, without their own divisions by 0.
        weight = self.beta**2
        scores = ops.divide_no_nan((1 + weight) * hits, predicted + weight * actual)
        if self.average == "macro":
            scores = ops.mean(scores)
        elif self.average == "weighted":
            scores = ops.divide_no_nan(ops.sum(scores * actual), ops.sum(actual))
        return ops.cast(scores, self.dtype)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        own = {name: getattr(self, name) for name in ("num_classes", "average", "beta", "threshold", "sparse_labels")}
        return {**super().get_config(), **own}


def _squeezed(tensor: Tensor, rank: int) -> Tensor:
    """Class numbers without a last axis of size 1 that is beyond the rank."""
    return ops.squeeze(tensor, -1) if len(tensor.shape) == rank + 1 and tensor.shape[-1] == 1 else tensor
