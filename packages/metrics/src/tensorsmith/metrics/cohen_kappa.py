"""Cohen's kappa, a metric of the agreement between two raters."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.confusion import ConfusionMetric
from tensorsmith.metrics._support.decisions import expect_classes
from tensorsmith.metrics._support.weighting import STATE


@export
class CohenKappa(ConfusionMetric):
    """Cohen's kappa: agreement of two raters beyond chance, unweighted or with linear or quadratic weights.

    Formula, with the confusion matrix p divided by its sum, and the sums r and c of its rows and columns:

        value = 1 - sum(w_ij * p_ij) / sum(w_ij * r_i * c_j)

        w_ij = (i != j)       no weightage
               |i - j|        linear
               (i - j)^2      quadratic

    The result is 0 before the first update, and NaN (as in scikit-learn) if both raters use only one and the same
    class.

    Source: Cohen, "A coefficient of agreement for nominal scales", 1960; with weights: Cohen, "Weighted kappa", 1968.

    Args:
        num_classes: Number of classes, `>= 2`.
        name: Name of the metric instance.
        weightage: Weighting of disagreements: `None`, `"linear"` or `"quadratic"`.
        sparse_labels: If `True`, labels are class indices instead of one-hot vectors. Supported only for 3 or more
            classes.
        regression: If `True`, predictions of shape `(batch, 1)` are real numbers that are rounded to class indices.
            Supported only for 3 or more classes.
        dtype: Data type of the result. If `None`, `keras.config.floatx()` is used. The confusion matrix is accumulated
            in `float64`.

    Call arguments:
        y_true: For two classes, labels 0 and 1. For more, one-hot labels, or class indices if `sparse_labels` is
            `True`.
        y_pred: For two classes, scores with a decision threshold of 0.5. For more, scores, of which the largest
            determines the class; class indices of shape `(batch,)`, whose fractional part is truncated; or numbers if
            `regression` is `True`.
        sample_weight: Optional weights, one per sample.

    Input shape:
        `(batch,)` or `(batch, 1)` for class indices and for two classes, otherwise `(batch, ..., num_classes)`.

    Output shape:
        A scalar.

    Raises:
        ValueError: If `num_classes` is not an integer `>= 2`, `weightage` is unknown, the last axis of one-hot labels
            or scores is not `num_classes`, or the numbers of labels and predictions differ. Invalid class indices raise
            InvalidArgumentError, except under XLA.

    Example:
        >>> metric = CohenKappa(num_classes=5, sparse_labels=True)
        >>> metric.update_state([4, 4, 3, 4, 2, 4, 1, 1], [4, 4, 3, 4, 4, 2, 1, 1])
        >>> round(float(metric.result()), 6)
        0.619048
    """

    def __init__(
        self,
        num_classes: int,
        name: str = "cohen_kappa",
        weightage: str | None = None,
        sparse_labels: bool = False,
        regression: bool = False,
        dtype: DType | None = None,
    ):
        check(weightage in (None, "linear", "quadratic"), "weightage", weightage, "None, 'linear' or 'quadratic'")
        super().__init__(num_classes, name=name, dtype=dtype)
        self.weightage = weightage
        self.sparse_labels = sparse_labels
        self.regression = regression

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Update the state with one batch."""
        labels, scores = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        if self.num_classes == 2:
            # Integers are classes, other numbers are probabilities.
            true, predicted = labels, scores > (0.5 if keras.backend.is_float_dtype(scores.dtype) else 0)
        else:
            true, predicted = self._true_classes(labels), self._predicted_classes(scores)
        true, predicted = (ops.squeeze(x, -1) if x.shape[1:] == (1,) else x for x in (true, predicted))
        self.add(true, predicted, sample_weight, y_pred)

    def _true_classes(self, labels: Tensor) -> Tensor:
        if self.sparse_labels:
            return labels
        expect_classes("y_true", labels, self.num_classes)
        return ops.argmax(labels, -1)

    def _predicted_classes(self, scores: Tensor) -> Tensor:
        if len(scores.shape) == 1:
            return scores
        if self.regression:
            return ops.round(ops.abs(scores))
        expect_classes("y_pred", scores, self.num_classes)
        return ops.argmax(scores, -1)

    def result(self) -> Tensor:
        """Return the kappa coefficient."""
        confusion = ops.convert_to_tensor(self.confusion)
        classes = ops.arange(self.num_classes, dtype=STATE)
        # Disagreement weights w_ij of the formula: (classes, classes).
        gap = ops.abs(classes[:, None] - classes)
        cost = {None: ops.minimum(gap, 1.0), "linear": gap, "quadratic": ops.square(gap)}[self.weightage]
        # Chance agreement: the outer product of the marginal counts.
        n = ops.sum(confusion)
        chance = ops.sum(confusion, axis=1, keepdims=True) * ops.sum(confusion, axis=0)
        # The factor n normalizes the counts: p = confusion / n and r c = chance / n².
        kappa = 1.0 - n * ops.sum(cost * confusion) / ops.sum(cost * chance)
        return ops.cast(ops.where(n > 0, kappa, 0.0), self.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the metric."""
        own = {"weightage": self.weightage, "sparse_labels": self.sparse_labels, "regression": self.regression}
        return {**super().get_config(), **own}
