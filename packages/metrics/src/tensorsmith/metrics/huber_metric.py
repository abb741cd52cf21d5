"""The Huber loss as a metric."""

import math
import numbers
from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export


@export
class HuberMetric(keras.metrics.MeanMetricWrapper):
    """Mean Huber loss over everything seen since the last reset.

    It streams: batches of any sizes give the value that one large batch gives, where the mean of the batches' losses
    would count a small last batch as much as a full one. It keeps its `delta` when a model is saved.

    Formula, with e = y_pred - y_true, averaged over the last axis and then over the (weighted) samples:

        value = e^2 / 2                        if |e| <= delta
                delta * |e| - delta^2 / 2      otherwise

    Source: Huber, "Robust Estimation of a Location Parameter", 1964.

    Args:
        delta: Where the value turns from quadratic to linear, above 0.
        name: Name of the metric.
        dtype: Precision of the computation and of the result; `None` means Keras' default float.

    Call arguments:
        y_true: Targets.
        y_pred: Predictions.
        sample_weight: Optional weights, one a sample.

    Input shape:
        Any rank from 1; both the same.

    Output shape:
        A scalar.

    Raises:
        ValueError: `delta` is no number above 0.

    Example:
        >>> metric = HuberMetric(delta=2.0)
        >>> metric.update_state([[0.0], [0.0]], [[5.0], [1.0]])  # 8 and 0.5
        >>> metric.update_state([[0.0]], [[2.0]])  # 2
        >>> float(metric.result())
        3.5
    """

    def __init__(self, delta: float = 1.0, name: str = "huber", dtype: Any = None):
        check(
            isinstance(delta, numbers.Real) and 0 < delta < math.inf,
            "delta",
            delta,
            "a number above 0",
            "give the error from which on the value is linear, for example 1.0",
        )
        super().__init__(keras.losses.huber, name=name, dtype=dtype, delta=delta)
        self.delta = delta

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes in one batch."""
        # In the metric's own precision: the square of an error above 255 overflows a half-precision prediction.
        super().update_state(ops.cast(y_true, self.dtype), ops.cast(y_pred, self.dtype), sample_weight)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {"delta": self.delta, "name": self.name, "dtype": self.dtype}
