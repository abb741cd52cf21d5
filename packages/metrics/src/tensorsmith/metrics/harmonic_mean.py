"""Harmonic mean metric."""

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.weighting import STATE, StreamedMean, weights_of


@export
class HarmonicMean(StreamedMean):
    """Harmonic mean of all values since the last reset, for rates such as speeds.

    Like `keras.metrics.Mean`, it takes values instead of targets and predictions.

    Formula, with weights w that default to 1:

        value = sum(w) / sum(w / x)

    The result is 0 if a value is 0 or if there are no values.

    Args:
        name: Name of the metric instance.
        dtype: Data type of the result. If `None`, `keras.config.floatx()` is used. Sums are accumulated in `float64`.

    Call arguments:
        values: Tensor of values.
        sample_weight: Optional weights, with the shape of the values or of their leading axes.

    Input shape:
        Any.

    Output shape:
        A scalar.

    Example:
        >>> metric = HarmonicMean()
        >>> metric.update_state([1.0, 4.0])
        >>> metric.update_state([4.0])
        >>> float(metric.result())  # 3 / (1 + 1/4 + 1/4)
        2.0
    """

    def __init__(self, name: str = "harmonic_mean", dtype: DType | None = None):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, values: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Update the state with one batch."""
        self.add(1.0 / ops.cast(values, STATE), weights_of(values, sample_weight, values))

    def result(self) -> Tensor:
        """Return the harmonic mean."""
        return ops.cast(ops.divide_no_nan(1.0, self.mean()), self.dtype)
