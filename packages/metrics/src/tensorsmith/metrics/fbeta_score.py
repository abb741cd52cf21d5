"""F-beta score metric for multi-class and multi-label classification."""

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
    """F-beta score, the weighted harmonic mean of precision and recall, for multi-class and multi-label classification.

    Unlike the metrics of TensorFlow Addons and Keras, it accepts labels and predictions of any rank, of rank 1 for a
    single class, and integer class labels with `sparse_labels`.

    Formula, for each class:

        value = (1 + beta^2) * precision * recall / (beta^2 * precision + recall)

    The score is 0 for a class without true and predicted samples.

    Source: van Rijsbergen, "Information Retrieval", 1979.

    Args:
        num_classes: Number of classes, or 1 for a single binary label.
        average: Type of averaging: `None` (one score per class), `"micro"` (computed from the total counts over all
            classes), `"macro"` (unweighted mean of the scores) or `"weighted"` (mean of the scores, weighted by the
            number of true samples in each class).
        beta: Weight of recall relative to precision, `> 0`.
        threshold: Threshold of the scores. Scores above the threshold are converted to 1, all other scores to 0. If
            `None`, the largest score of each sample is converted to 1 unless that score is 0.
        name: Name of the metric instance.
        dtype: Data type of the result. If `None`, `keras.config.floatx()` is used. Counts are accumulated in `float64`.
        sparse_labels: If `True`, labels are integer class indices instead of binary vectors. Predictions of integer
            dtype are then also interpreted as class indices.

    Call arguments:
        y_true: Tensor of binary labels, or class indices.
        y_pred: Tensor of scores, or class indices.
        sample_weight: Optional weights, one per sample.

    Input shape:
        `(batch, ..., num_classes)` for binary labels and for scores; a last axis of size 1 may be omitted. `(batch,
        ...)` or `(batch, ..., 1)` for class indices.

    Output shape:
        `(num_classes,)` if `average` is `None`, otherwise a scalar.

    Raises:
        ValueError: If `num_classes` is not a positive integer, `average` is unknown, `beta` is not `> 0`, `threshold`
            is not in (0, 1], or the shapes do not match. Invalid class indices raise InvalidArgumentError, except under
            XLA.

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
        check(is_number(beta) and beta > 0, "beta", beta, "a positive number")
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
        """Update the state with one batch."""
        labels, scores = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        # Integer predictions are class indices, floats are scores of the classes.
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
        check(
            fits, "y_true", tuple(labels.shape), f"have a shape that matches predictions of shape {tuple(scores.shape)}"
        )
        if self.sparse_labels:
            true = self._one_hot(true, weights)
        # A sample has the same weight for all classes: (..., 1).
        weights = ops.expand_dims(weights, -1)
        every_sample = range(len(samples.shape))
        self.hits.assign_add(ops.sum(weights * true * decided, axis=every_sample))
        self.predicted.assign_add(ops.sum(weights * decided, axis=every_sample))
        self.actual.assign_add(ops.sum(weights * true, axis=every_sample))

    def _with_classes(self, name: str, tensor: Tensor) -> Tensor:
        """Return the tensor with classes along its last axis. For a single class, an axis of size 1 is added."""
        if self.num_classes == 1 and (len(tensor.shape) == 1 or tensor.shape[-1] != 1):
            return ops.expand_dims(tensor, -1)
        expect_classes(name, tensor, self.num_classes)
        return tensor

    def _one_hot(self, labels: Tensor, weights: Tensor) -> Tensor:
        return ops.one_hot(known_labels(labels, self.num_classes, weights), self.num_classes, dtype=STATE)

    def result(self) -> Tensor:
        """Return the score, or one score per class."""
        counts = [ops.convert_to_tensor(count) for count in (self.hits, self.predicted, self.actual)]
        if self.average == "micro":
            counts = [ops.sum(count) for count in counts]
        hits, predicted, actual = counts
        # Insert precision = hits / predicted and recall = hits / actual into the formula to avoid their divisions by 0.
        weight = self.beta**2
        scores = ops.divide_no_nan((1 + weight) * hits, predicted + weight * actual)
        if self.average == "macro":
            scores = ops.mean(scores)
        elif self.average == "weighted":
            scores = ops.divide_no_nan(ops.sum(scores * actual), ops.sum(actual))
        return ops.cast(scores, self.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the metric."""
        own = {name: getattr(self, name) for name in ("num_classes", "average", "beta", "threshold", "sparse_labels")}
        return {**super().get_config(), **own}


def _squeezed(tensor: Tensor, rank: int) -> Tensor:
    """Return class indices without a trailing axis of size 1."""
    return ops.squeeze(tensor, -1) if len(tensor.shape) == rank + 1 and tensor.shape[-1] == 1 else tensor
