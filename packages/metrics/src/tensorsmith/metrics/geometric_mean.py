"""The geometric mean."""

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.weighting import STATE, StreamedMean, weights_of


@export
class GeometricMean(StreamedMean):
    """Geometric mean of all values since the last reset: the typical value of what multiplies, such as growth rates.

    It is used like `keras.metrics.Mean`: on values, not on targets and predictions.

    Formula, with weights w that are 1 unless given:

        value = exp(sum(w * log(x)) / sum(w))

    It is 0 if one of the values is 0, or if there are none, and NaN if one is negative.

    Args:
        name: Name of the metric.
        dtype: Precision of the result; `None` means Keras' default float. Sums are kept in float64.

    Call arguments:
        values: Numbers of 0 or more.
        sample_weight: Optional weights, of the shape of the values or of their first axes.

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
        """Takes in one batch."""
        self.add(ops.log(ops.cast(values, STATE)), weights_of(values, sample_weight, values))

    def result(self) -> Tensor:
        """The mean."""
        return ops.cast(ops.where(self.count > 0, ops.exp(self.mean()), 0.0), self.dtype)
