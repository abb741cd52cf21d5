"""The harmonic mean."""

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.weighting import STATE, StreamedMean, weights_of


@export
class HarmonicMean(StreamedMean):
    """Harmonic mean of all values since the last reset: the typical value of rates, such as speeds.

    It is used like `keras.metrics.Mean`: on values, not on targets and predictions.

    Formula, with weights w that are 1 unless given:

        value = sum(w) / sum(w / x)

    It is 0 if one of the values is 0, or if there are none.

    Args:
        name: Name of the metric.
        dtype: Precision of the result; `None` means Keras' default float. Sums are kept in float64.

    Call arguments:
        values: Numbers.
        sample_weight: Optional weights, of the shape of the values or of their first axes.

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
        """Takes in one batch."""
        self.add(1.0 / ops.cast(values, STATE), weights_of(values, sample_weight, values))

    def result(self) -> Tensor:
        """The mean."""
        return ops.cast(ops.divide_no_nan(1.0, self.mean()), self.dtype)
