"""Symmetric mean absolute percentage error (sMAPE) of forecasts."""

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.shapes import same_shape
from tensorsmith.metrics._support.weighting import STATE, StreamedMean, weights_of


@export
class SymmetricMeanAbsolutePercentageError(StreamedMean):
    """Symmetric mean absolute percentage error (sMAPE) of forecasts, from 0 to 200, as defined in the M4 competition.

    Formula, with the targets y and the predictions p, averaged over all elements of all samples:

        value = mean(200 * |y - p| / (|y| + |p|))

    An element is 0 if the target and the prediction are both 0. Other definitions omit the factor 2, or the absolute
    values in the denominator. Unlike `keras.metrics.MeanAbsolutePercentageError`, the result is bounded for targets
    close to 0. The result is 0 before the first update.

    Source: Makridakis et al., "The M4 Competition: 100,000 time series and 61 forecasting methods", 2020.

    Args:
        name: Name of the metric instance.
        dtype: Data type of the result. If `None`, `keras.config.floatx()` is used. Sums are accumulated in `float64`.

    Call arguments:
        y_true: Tensor of true targets, in their original units. The result depends on the zero point of the scale.
        y_pred: Tensor of predicted targets.
        sample_weight: Optional weights, with the shape of the targets or of their leading axes.

    Input shape:
        Any shape; the same for both tensors, except that a last axis of size 1 may be missing from one.

    Output shape:
        A scalar.

    Raises:
        ValueError: If the shapes differ in other ways.

    Example:
        >>> metric = SymmetricMeanAbsolutePercentageError()
        >>> metric.update_state([[100.0, 0.0, 5.0]], [[60.0, 0.0, 0.0]])  # 50, 0 and 200
        >>> round(float(metric.result()), 4)
        83.3333
    """

    def __init__(self, name: str = "symmetric_mean_absolute_percentage_error", dtype: DType | None = None):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Update the state with one batch."""
        true, predicted = (ops.cast(each, STATE) for each in same_shape(y_true, y_pred))
        errors = ops.divide_no_nan(200 * ops.abs(true - predicted), ops.abs(true) + ops.abs(predicted))
        self.add(errors, weights_of(errors, sample_weight, y_pred))

    def result(self) -> Tensor:
        """Return the mean error in percent."""
        return ops.cast(self.mean(), self.dtype)
