"""The Huber loss as a metric."""

from typing import Any

from keras import ops

from tensorsmith.core import check, export, is_number
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.shapes import same_shape
from tensorsmith.metrics._support.weighting import STATE, StreamedMean, weights_of


@export
class HuberMetric(StreamedMean):
    """Mean Huber loss over everything seen since the last reset.

    It streams: batches of any sizes give the value that one large batch gives, where the mean of the batches' losses
    would count a small last batch as much as a full one. It keeps its `delta` when a model is saved.

    Formula, with e = y_pred - y_true, averaged over the last axis and then over the (weighted) samples, which are the
    entries if there is but one axis:

        value = e^2 / 2                        if |e| <= delta
                delta * |e| - delta^2 / 2      otherwise

    Source: Huber, "Robust Estimation of a Location Parameter", 1964.

    Args:
        delta: Where the value turns from quadratic to linear, above 0.
        name: Name of the metric.
        dtype: Precision of the result; `None` means Keras' default float. Sums are kept in float64.

    Call arguments:
        y_true: Targets.
        y_pred: Predictions.
        sample_weight: Optional weights, one a sample.

    Input shape:
        Any rank from 1; both the same, but for a last axis of size 1 that only one of the two has.

    Output shape:
        A scalar.

    Raises:
        ValueError: `delta` is no number above 0, or the shapes differ.

    Example:
        >>> metric = HuberMetric(delta=2.0)
        >>> metric.update_state([[0.0], [0.0]], [[5.0], [1.0]])  # 8 and 0.5
        >>> metric.update_state([[0.0]], [[2.0]])  # 2
        >>> float(metric.result())
        3.5
    """

    def __init__(self, delta: float = 1.0, name: str = "huber", dtype: DType | None = None):
        check(
            is_number(delta) and delta > 0,
            "delta",
            delta,
            "a number above 0",
            "give the error from which on the value is linear, for example 1.0",
        )
        super().__init__(name=name, dtype=dtype)
        self.delta = delta

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Takes in one batch."""
        true, predicted = (ops.cast(each, STATE) for each in same_shape(y_true, y_pred))
        size = ops.abs(predicted - true)
        quadratic = ops.minimum(size, self.delta)
        losses = ops.square(quadratic) / 2 + self.delta * (size - quadratic)
        if len(losses.shape) > 1:
            losses = ops.mean(losses, axis=-1)
        self.add(losses, weights_of(losses, sample_weight, y_pred))

    def result(self) -> Tensor:
        """The mean loss."""
        return ops.cast(self.mean(), self.dtype)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {**super().get_config(), "delta": self.delta}
