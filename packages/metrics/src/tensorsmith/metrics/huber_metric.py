"""Huber loss as a metric."""

from typing import Any

from keras import ops

from tensorsmith.core import check, export, is_number
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.shapes import same_shape
from tensorsmith.metrics._support.weighting import STATE, StreamedMean, weights_of


@export
class HuberMetric(StreamedMean):
    """Mean Huber loss over all samples since the last reset, with `delta` in its config.

    The result does not depend on the batch sizes, whereas the mean of the losses of batches would overweight a small
    last batch. Its config contains `delta`.

    Formula, with e = y_pred - y_true, averaged over the last axis and then over the (weighted) samples. Inputs of rank
    1 are not averaged over the last axis; each entry is a sample:

        value = e^2 / 2                        if |e| <= delta
                delta * |e| - delta^2 / 2      otherwise

    Source: Huber, "Robust Estimation of a Location Parameter", 1964.

    Args:
        delta: Absolute error at which the loss changes from quadratic to linear, `> 0`.
        name: Name of the metric instance.
        dtype: Data type of the result. If `None`, `keras.config.floatx()` is used. Sums are accumulated in `float64`.

    Call arguments:
        y_true: Tensor of true targets.
        y_pred: Tensor of predicted targets.
        sample_weight: Optional weights, one per sample.

    Input shape:
        Any rank `>= 1`; the same shape for both tensors, except that a last axis of size 1 may be missing from one.

    Output shape:
        A scalar.

    Raises:
        ValueError: If `delta` is not a positive number, or the shapes differ.

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
            "a positive number",
            "pass the absolute error above which the metric is linear, for example 1.0",
        )
        super().__init__(name=name, dtype=dtype)
        self.delta = delta

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Update the state with one batch."""
        true, predicted = (ops.cast(each, STATE) for each in same_shape(y_true, y_pred))
        # Quadratic part up to delta, linear remainder.
        size = ops.abs(predicted - true)
        quadratic = ops.minimum(size, self.delta)
        losses = ops.square(quadratic) / 2 + self.delta * (size - quadratic)
        if len(losses.shape) > 1:
            losses = ops.mean(losses, axis=-1)
        self.add(losses, weights_of(losses, sample_weight, y_pred))

    def result(self) -> Tensor:
        """Return the mean loss."""
        return ops.cast(self.mean(), self.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the metric."""
        return {**super().get_config(), "delta": self.delta}
