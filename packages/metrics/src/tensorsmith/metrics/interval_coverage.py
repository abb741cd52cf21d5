"""Coverage of prediction intervals."""

from typing import Any

from keras import ops

from tensorsmith.core import check, export, is_integer
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.shapes import same_shape
from tensorsmith.metrics._support.weighting import STATE, StreamedMean, weights_of


@export
class IntervalCoverage(StreamedMean):
    """Coverage of prediction intervals: the fraction of targets between two predicted quantiles.

    The coverage of well-calibrated intervals is equal to their nominal level, such as 0.8 for intervals from the
    quantile 0.1 to the quantile 0.9. Neither larger nor smaller values are better.

    Formula, with the mean over all elements of all samples:

        value = mean(y_pred[..., lower] <= y_true <= y_pred[..., upper])

    If the two quantiles cross, the interval contains no targets. The result is 0 before the first update.

    Source: Christoffersen, "Evaluating Interval Forecasts", 1998.

    Args:
        lower: Index of the lower quantile along the last axis of the predictions.
        upper: Index of the upper quantile along the last axis of the predictions.
        name: Name of the metric instance.
        dtype: Data type of the result. If `None`, `keras.config.floatx()` is used. Counts are accumulated in `float64`.

    Call arguments:
        y_true: Tensor of true targets.
        y_pred: Tensor of predicted quantiles.
        sample_weight: Optional weights, with the shape of the targets or of their leading axes.

    Input shape:
        `y_true`: `(...)` or `(..., 1)`. `y_pred`: `(..., quantiles)`.

    Output shape:
        A scalar.

    Raises:
        ValueError: If `lower` or `upper` is not an integer, if they are equal or out of range, or if the shapes do not
            match.

    Example:
        >>> metric = IntervalCoverage()
        >>> y_pred = [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [4.0, 5.0, 6.0]]  # quantiles 0.1, 0.5 and 0.9
        >>> metric.update_state([1.0, 2.5, 5.0, 7.0], y_pred)
        >>> float(metric.result())
        0.75
    """

    def __init__(self, lower: int = 0, upper: int = -1, name: str = "interval_coverage", dtype: DType | None = None):
        for argument, index in (("lower", lower), ("upper", upper)):
            check(is_integer(index), argument, index, "an integer")
        check(lower != upper, "upper", upper, f"different from `lower` ({lower})")
        super().__init__(name=name, dtype=dtype)
        self.lower = lower
        self.upper = upper

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Update the state with one batch."""
        quantiles = ops.cast(y_pred, STATE)
        low, high = (self._quantile(quantiles, name) for name in ("lower", "upper"))
        true, low = same_shape(ops.cast(y_true, STATE), low, ("y_true", "y_pred[..., lower]"))
        high = ops.reshape(high, ops.shape(low))
        covered = ops.cast(ops.logical_and(low <= true, true <= high), STATE)
        # Comparisons with NaN are false, which would hide NaN values.
        unknown = ops.any(ops.isnan(ops.stack([true, low, high])), axis=0)
        covered = ops.where(unknown, float("nan"), covered)
        self.add(covered, weights_of(covered, sample_weight, y_pred))

    def result(self) -> Tensor:
        """Return the coverage."""
        return ops.cast(self.mean(), self.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the metric."""
        return {**super().get_config(), "lower": self.lower, "upper": self.upper}

    def _quantile(self, quantiles: Tensor, name: str) -> Tensor:
        """Return the quantile with the index that is stored under a name."""
        count, index = quantiles.shape[-1], getattr(self, name)
        fits = count is None or -count <= index < count
        check(fits, name, index, f"an index of the {count} quantiles on the last axis of the predictions")
        return quantiles[..., index]
