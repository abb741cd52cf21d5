"""Matthews correlation coefficient, a metric of classification quality."""

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.confusion import ConfusionMetric
from tensorsmith.metrics._support.decisions import expect_classes


@export
class MatthewsCorrelationCoefficient(ConfusionMetric):
    """Matthews correlation coefficient, the correlation between true and predicted classes.

    It is 1 for perfect predictions and 0 for random guesses, independently of the class frequencies.

    Formula, with n samples, of which c are predicted correctly, t_k belong to class k, and p_k are predicted as class
    k:

        value = (c * n - sum(t_k * p_k)) / sqrt((n^2 - sum(t_k^2)) * (n^2 - sum(p_k^2)))

    The result is 0 if all true or all predicted classes are equal, and before the first update.

    Source: Matthews, "Comparison of the predicted and observed secondary structure of T4 phage lysozyme", 1975; for
    several classes: Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient", 2004.

    Args:
        num_classes: Number of classes, `>= 2`.
        name: Name of the metric instance.
        dtype: Data type of the result. If `None`, `keras.config.floatx()` is used. The confusion matrix is accumulated
            in `float64`.

    Call arguments:
        y_true: Tensor of one-hot labels.
        y_pred: Tensor of scores. The largest score of a sample determines the class.
        sample_weight: Optional weights, one per sample.

    Input shape:
        `(batch, ..., num_classes)` for both tensors.

    Output shape:
        A scalar.

    Raises:
        ValueError: If `num_classes` is not an integer `>= 2`, the last axis of the inputs differs from it, or their
            shapes differ.

    Example:
        >>> metric = MatthewsCorrelationCoefficient(num_classes=2)
        >>> metric.update_state([[0, 1], [0, 1], [0, 1], [1, 0]], [[0.2, 0.8], [0.9, 0.1], [0.3, 0.7], [0.4, 0.6]])
        >>> round(float(metric.result()), 6)
        -0.333333
    """

    def __init__(self, num_classes: int, name: str = "MatthewsCorrelationCoefficient", dtype: DType | None = None):
        super().__init__(num_classes, name=name, dtype=dtype)

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Update the state with one batch."""
        scores, labels = ops.convert_to_tensor(y_pred), ops.convert_to_tensor(y_true)
        expect_classes("y_true", labels, self.num_classes)
        expect_classes("y_pred", scores, self.num_classes)
        self.add(ops.argmax(labels, -1), ops.argmax(scores, -1), sample_weight, y_pred)

    def result(self) -> Tensor:
        """Return the correlation coefficient."""
        confusion = ops.convert_to_tensor(self.confusion)
        true, predicted = ops.sum(confusion, axis=1), ops.sum(confusion, axis=0)
        n, right = ops.sum(confusion), ops.trace(confusion)
        # Product under the square root. It is 0 if all true or all predicted classes are equal.
        spread = _of_other_classes(true) * _of_other_classes(predicted)
        return ops.cast(ops.divide_no_nan(right * n - ops.sum(true * predicted), ops.sqrt(spread)), self.dtype)


def _of_other_classes(counts: Tensor) -> Tensor:
    """Return the number of ordered pairs of samples from different classes, exactly 0 for a single class."""
    return 2 * ops.sum(counts[1:] * ops.cumsum(counts)[:-1])
