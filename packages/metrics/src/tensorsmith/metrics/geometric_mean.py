"""Geometric mean metric."""

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.weighting import STATE, StreamedMean, weights_of


@export
class GeometricMean(StreamedMean):
    """Geometric mean of all values since the last reset, for quantities that multiply, such as growth rates.

    Like `keras.metrics.Mean`, it takes values instead of targets and predictions.

    Formula, with weights w that default to 1:

        value = exp(sum(w * log(x)) / sum(w))

    The result is 0 if a value is 0 or if there are no values, and NaN if a value is negative.

    Args:
        name: Name of the metric instance.
        dtype: Data type of the result. If `None`, `keras.config.floatx()` is used. Sums are accumulated in `float64`.

    Call arguments:
        values: Tensor of non-negative values.
        sample_weight: Optional weights, with the shape of the values or of their leading axes.

    Input shape:
        Any.

    Output shape:
        A scalar.

    Example:
        >>> metric = GeometricMean()
        >>> metric.update_state([1.0, 2.0])
        >>> metric.update_state([4.0])
        >>> round(float(metric.result()), 6)
        2.0
    """

    def __init__(self, name: str = "geometric_mean", dtype: DType | None = None):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, values: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Update the state with one batch."""
        self.add(ops.log(ops.cast(values, STATE)), weights_of(values, sample_weight, values))

    def result(self) -> Tensor:
        """Return the geometric mean."""
        return ops.cast(ops.where(self.count > 0, ops.exp(self.mean()), 0.0), self.dtype)
