"""Mean absolute scaled error (MASE) of forecasts."""

from typing import Any

from keras import ops

from tensorsmith.core import check, export, is_number
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.shapes import same_shape
from tensorsmith.metrics._support.weighting import STATE, StreamedMean, weights_of


@export
class MeanAbsoluteScaledError(StreamedMean):
    """Mean absolute scaled error (MASE): the error of a forecast relative to the seasonal naive forecast.

    A result below 1 means that the forecast has a smaller error than the seasonal naive forecast, which repeats the
    last season, had on the training series. Results of series with different units can be compared.

    Formula, with the targets y and the predictions p, and `scale`, the mean absolute error of the seasonal naive
    forecast on the training series x of n steps with seasons of m steps:

        value = mean(|y - p|) / scale
        scale = sum over t > m of |x[t] - x[t - m]| / (n - m)

    The following line computes the scale of a NumPy array:

        scale = np.abs(series[m:] - series[:-m]).mean()

    The result is 0 before the first update.

    Source: Hyndman and Koehler, "Another Look at Measures of Forecast Accuracy", 2006.

    Args:
        scale: Mean absolute error of the seasonal naive forecast on the training series, `> 0`. If targets are
            normalized, compute it from the normalized series.
        name: Name of the metric instance.
        dtype: Data type of the result. If `None`, `keras.config.floatx()` is used. Sums are accumulated in `float64`.

    Call arguments:
        y_true: Tensor of true targets.
        y_pred: Tensor of predicted targets.
        sample_weight: Optional weights, with the shape of the targets or of their leading axes.

    Input shape:
        Any shape; the same for both tensors, except that a last axis of size 1 may be missing from one.

    Output shape:
        A scalar.

    Raises:
        ValueError: If `scale` is not a positive number, or the shapes differ in other ways.

    Example:
        >>> import numpy as np
        >>> series = np.array([10.0, 20.0, 12.0, 24.0, 12.0])  # with seasons of 2 steps
        >>> scale = np.abs(series[2:] - series[:-2]).mean()  # (2 + 4 + 0) / 3
        >>> metric = MeanAbsoluteScaledError(scale)
        >>> metric.update_state([[26.0, 14.0]], [[24.0, 15.0]])
        >>> float(metric.result())
        0.75
    """

    def __init__(self, scale: float, name: str = "mean_absolute_scaled_error", dtype: DType | None = None):
        remedy = "a constant training series has no scale"
        check(is_number(scale) and scale > 0, "scale", scale, "a positive number", remedy)
        super().__init__(name=name, dtype=dtype)
        self.scale = float(scale)

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Update the state with one batch."""
        true, predicted = (ops.cast(each, STATE) for each in same_shape(y_true, y_pred))
        errors = ops.abs(true - predicted)
        self.add(errors, weights_of(errors, sample_weight, y_pred))

    def result(self) -> Tensor:
        """Return the mean absolute scaled error."""
        return ops.cast(self.mean() / self.scale, self.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the metric."""
        return {**super().get_config(), "scale": self.scale}
