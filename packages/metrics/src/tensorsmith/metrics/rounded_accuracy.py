"""Accuracy metric that rounds targets and predictions."""

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.shapes import same_shape
from tensorsmith.metrics._support.weighting import STATE, StreamedMean, weights_of


@export
class RoundedAccuracy(StreamedMean):
    """Accuracy after rounding, for pixels and other targets between 0 and 1.

    It is meant for targets between 0 and 1, such as the pixels reconstructed by an autoencoder. Such targets are almost
    never equal to 0, 1 or the prediction, so that `keras.metrics.BinaryAccuracy` is close to 0.

    Formula, with the mean over all elements of all samples:

        value = mean(round(y_true) == round(y_pred))

    0.5 is rounded to 0 (half to even). The result is 0 before the first update.

    Args:
        name: Name of the metric instance.
        dtype: Data type of the result. If `None`, `keras.config.floatx()` is used. Counts are accumulated in `float64`.

    Call arguments:
        y_true: Tensor of true targets.
        y_pred: Tensor of predicted targets.
        sample_weight: Optional weights, with the shape of the targets or of their leading axes.

    Input shape:
        Any shape; the same for both tensors, except that a last axis of size 1 may be missing from one.

    Output shape:
        A scalar.

    Raises:
        ValueError: If the shapes differ in other ways.

    Example:
        >>> metric = RoundedAccuracy()
        >>> metric.update_state([[0.2, 0.9, 0.7, 0.4]], [[0.4, 0.6, 0.3, 0.1]])
        >>> float(metric.result())
        0.75
    """

    def __init__(self, name: str = "rounded_accuracy", dtype: DType | None = None):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Update the state with one batch."""
        true, predicted = (ops.cast(each, STATE) for each in same_shape(y_true, y_pred))
        same = ops.cast(ops.round(true) == ops.round(predicted), STATE)
        self.add(same, weights_of(same, sample_weight, y_pred))

    def result(self) -> Tensor:
        """Return the accuracy."""
        return ops.cast(self.mean(), self.dtype)
