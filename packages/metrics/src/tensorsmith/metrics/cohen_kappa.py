"""Cohen's kappa."""

from typing import Any

from keras import ops

from tensorsmith.core import check, export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.confusion import ConfusionMetric
from tensorsmith.metrics._support.decisions import expect_classes
from tensorsmith.metrics._support.weighting import STATE


@export
class CohenKappa(ConfusionMetric):
    """Agreement of two raters beyond what chance gives: 1 if they agree on all, 0 if no more often than by chance.

    Formula, with p the confusion matrix divided by its sum, r and c the sums of its rows and columns:

        value = 1 - sum(w_ij * p_ij) / sum(w_ij * r_i * c_j)

        w_ij = (i != j)       without weightage
               |i - j|        linear
               (i - j)^2      quadratic

    It is 0 if nothing was seen, and NaN (as in scikit-learn) if both raters use one and the same class only, where
    chance leaves nothing to agree on.

    Source: Cohen, "A coefficient of agreement for nominal scales", 1960; with weights: Cohen, "Weighted kappa", 1968.

    Args:
        num_classes: Number of classes, 2 or more.
        name: Name of the metric.
        weightage: None, "linear" or "quadratic": how much a disagreement counts.
        sparse_labels: With 3 classes or more: the labels are class numbers, not one-hot.
        regression: With 3 classes or more: predictions of shape `(batch, 1)` are numbers, to be rounded to classes.
        dtype: Precision of the result; `None` means Keras' default float. The confusion matrix is kept in float64.

    Call arguments:
        y_true: With two classes, labels 0 and 1. With more, one-hot labels, or class numbers if `sparse_labels`.
        y_pred: With two classes, scores, decided at 0.5. With more, scores of which the largest decides; or, of shape
            `(batch,)`, class numbers, whose fraction is cut off; or what `regression` says.
        sample_weight: Optional weights, one a sample.

    Input shape:
        `(batch,)` or `(batch, 1)` for class numbers and for two classes; `(batch, ..., num_classes)` for others.

    Output shape:
        A scalar.

    Raises:
        ValueError: `num_classes` is no integer of 2 or more, `weightage` is unknown, the last axis of one-hot labels
            or of scores is not `num_classes`, or there are not as many labels as predictions. Labels outside the
            classes raise InvalidArgumentError, but under XLA.

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
        """Takes in one batch."""
        labels, scores = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        if self.num_classes == 2:
            true, predicted = labels, scores > 0.5
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
        """Kappa."""
        confusion = ops.convert_to_tensor(self.confusion)
        classes = ops.arange(self.num_classes, dtype=STATE)
        gap = ops.abs(classes[:, None] - classes)
        cost = {None: ops.minimum(gap, 1.0), "linear": gap, "quadratic": ops.square(gap)}[self.weightage]
        n = ops.sum(confusion)
        chance = ops.sum(confusion, axis=1, keepdims=True) * ops.sum(confusion, axis=0)
        kappa = 1.0 - n * ops.sum(cost * confusion) / ops.sum(cost * chance)
        return ops.cast(ops.where(n > 0, kappa, 0.0), self.dtype)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        own = {"weightage": self.weightage, "sparse_labels": self.sparse_labels, "regression": self.regression}
        return {**super().get_config(), **own}
