"""Coefficient of determination of a regression."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_integer
from tensorsmith.core.types import DType, Shape, Tensor, TensorLike
from tensorsmith.metrics._support.shapes import same_shape
from tensorsmith.metrics._support.weighting import STATE, weights_of

MODES = ("raw_values", "uniform_average", "variance_weighted")


@export
class RSquare(keras.metrics.Metric):
    """Coefficient of determination R² of TensorFlow Addons, for targets of any rank.

    `keras.metrics.R2Score` computes the same values for targets with two axes; its arguments have other names.

    Formula, for each output, with the (weighted) mean m of the targets y and the predictions p:

        value = 1 - sum (y - p)² / sum (y - m)²            0 if the denominator alone is 0
        value = 1 - (1 - value) (n - 1) / (n - k - 1)      adjusted for k regressors, if n > k + 1

    As in TensorFlow Addons, n is the number of target values, of all outputs together.

    Source: Draper and Smith, "Applied Regression Analysis", 1998.

    Args:
        name: Name of the metric instance.
        dtype: Data type of the result. If `None`, `keras.config.floatx()` is used. Sums are accumulated in `float64`.
        multioutput: Reduction over the outputs: `"raw_values"` (none), `"uniform_average"` or `"variance_weighted"`.
        num_regressors: Number of regressors, for which the value is adjusted, `>= 0`. If it is 0, the value is not
            adjusted.

    Call arguments:
        y_true: Tensor of true targets.
        y_pred: Tensor of predicted targets.
        sample_weight: Optional weights, one per sample.

    Input shape:
        `(batch, ...)`; the same shape for both tensors, except that a last axis of size 1 may be missing from one.

    Output shape:
        A scalar, or the shape of a sample if `multioutput` is `"raw_values"`.

    Raises:
        ValueError: If `multioutput` is unknown, `num_regressors` is not an integer `>= 0`, or the shapes differ.

    Example:
        >>> metric = RSquare()
        >>> metric.update_state([1.0, 4.0, 3.0], [2.0, 4.0, 4.0])
        >>> round(float(metric.result()), 6)
        0.571429
    """

    def __init__(
        self,
        name: str = "r_square",
        dtype: DType | None = None,
        multioutput: str = "uniform_average",
        num_regressors: int = 0,
    ):
        check(multioutput in MODES, "multioutput", multioutput, f"one of {', '.join(MODES)}")
        check(is_integer(num_regressors) and num_regressors >= 0, "num_regressors", num_regressors, "an integer >= 0")
        super().__init__(name=name, dtype=dtype)
        self.multioutput = multioutput
        self.num_regressors = num_regressors
        self.built = False

    def build(self, shape: Shape) -> None:
        """Create the sums, for samples of the given shape."""

        def zeros(name: str, shape: Shape = shape) -> keras.Variable:
            return self.add_variable(shape, "zeros", dtype=STATE, name=name)

        self.count, self.sum, self.squared_sum, self.residual = map(zeros, ("count", "sum", "squared_sum", "residual"))
        self.num_values = zeros("num_values", ())
        self.built = True

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Update the state with one batch."""
        true, predicted = (ops.cast(each, STATE) for each in same_shape(y_true, y_pred))
        if not self.built:
            self.build(tuple(true.shape[1:]))
        weights = weights_of(true, sample_weight, y_pred)
        true, predicted = (ops.where(weights == 0, 0.0, each) for each in (true, predicted))
        self.count.assign_add(ops.sum(weights, axis=0))
        self.sum.assign_add(ops.sum(weights * true, axis=0))
        self.squared_sum.assign_add(ops.sum(weights * ops.square(true), axis=0))
        self.residual.assign_add(ops.sum(weights * ops.square(true - predicted), axis=0))
        self.num_values.assign_add(ops.cast(ops.size(true), STATE))

    def result(self) -> Tensor:
        """Return the coefficient, or 0 before the first update."""
        if not self.built:
            return ops.zeros((), self.dtype)
        seen = ops.greater(self.count, 0)
        total = self.squared_sum - ops.divide_no_nan(ops.square(self.sum), self.count)
        scores = 1 - self.residual / total
        scores = ops.where(ops.logical_and(seen, ops.logical_not(ops.isinf(scores))), scores, 0.0)
        if self.multioutput == "uniform_average":
            scores = ops.mean(scores)
        elif self.multioutput == "variance_weighted":
            scores = ops.where(ops.any(seen), ops.sum(total * scores) / ops.sum(total), 0.0)
        if self.num_regressors:
            n = ops.convert_to_tensor(self.num_values)
            free = n - self.num_regressors - 1
            scores = ops.where(free > 0, 1 - (1 - scores) * (n - 1) / ops.where(free > 0, free, 1.0), scores)
        return ops.cast(scores, self.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the metric."""
        return {**super().get_config(), "multioutput": self.multioutput, "num_regressors": self.num_regressors}
