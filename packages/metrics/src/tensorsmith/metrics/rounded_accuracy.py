"""Accuracy of numbers that are rounded to 0 or 1."""

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.shapes import same_shape
from tensorsmith.metrics._support.weighting import STATE, StreamedMean, weights_of


@export
class RoundedAccuracy(StreamedMean):
    """How often predictions and targets are the same once both are rounded.

    It is for targets between 0 and 1, such as the pixels that an autoencoder paints, which are next to never equal to
    the prediction or to 0 or 1, so that `keras.metrics.BinaryAccuracy` is near 0.

    Formula, the mean being over all elements of all samples:

        value = mean(round(y_true) == round(y_pred))

    A half is rounded to 0, the even one. It is 0 if nothing was seen.

    Args:
        name: Name of the metric.
        dtype: Precision of the result; `None` means Keras' default float. Counts are kept in float64.

    Call arguments:
        y_true: Targets.
        y_pred: Predictions.
        sample_weight: Optional weights, of the shape of the targets or of their first axes.

    Input shape:
        Any; both the same, but for a last axis of size 1 that only one of the two has.

    Output shape:
        A scalar.

    Raises:
        ValueError: The shapes differ otherwise.

    Example:
        >>> metric = RoundedAccuracy()
        >>> metric.update_state([[0.2, 0.9, 0.7, 0.4]], [[0.4, 0.6, 0.3, 0.1]])
        >>> float(metric.result())
        0.75
    """

    def __init__(self, name: str = "rounded_accuracy", dtype: DType | None = None):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Takes in one batch."""
        true, predicted = (ops.cast(each, STATE) for each in same_shape(y_true, y_pred))
        same = ops.cast(ops.round(true) == ops.round(predicted), STATE)
        self.add(same, weights_of(same, sample_weight, y_pred))

    def result(self) -> Tensor:
        """The accuracy."""
        return ops.cast(self.mean(), self.dtype)
