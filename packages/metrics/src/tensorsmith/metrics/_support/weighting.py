"""Weights of samples, and the mean that streams with them."""

import keras
from keras import ops

from tensorsmith.core import check
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.shapes import same_shape

# What metrics add up is kept in float64: float32 stops counting at 2**24, and half precision at 2048.
STATE = "float64"


def weights_of(samples: Tensor, sample_weight: TensorLike | None, y_pred: TensorLike) -> Tensor:
    """One weight for each sample: what was given, or 1; and 0 where the predictions are masked.

    Args:
        samples: Anything of the shape of the samples.
        sample_weight: None, or weights of the first axes of the samples; a last axis of size 1 is forgiven.
        y_pred: The predictions, which bring the mask that a model's layers passed on.

    Raises:
        ValueError: The weights have other sizes; one known only later passes.
    """
    shape = ops.shape(samples)
    weights = ops.ones(shape, STATE)
    # Keras hands masks to metrics by this attribute, for which it has no public function.
    for given in (sample_weight, getattr(y_pred, "_keras_mask", None)):
        if given is None:
            continue
        given = ops.cast(given, STATE)
        if len(given.shape) > 1 and given.shape[-1] == 1:
            given = ops.squeeze(given, -1)
        rank = len(given.shape)
        fits = rank <= len(shape) and given.shape.is_compatible_with(weights.shape[:rank])
        expected = f"the first axes of the samples, {tuple(weights.shape)}"
        check(fits, "sample_weight", tuple(given.shape), expected, "give one a sample")
        weights = weights * ops.reshape(given, (*ops.shape(given), *(1,) * (len(shape) - rank)))
    return weights


def samples_of(
    y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Targets, predictions and weights as vectors of type float64; what weighs nothing may be anything.

    NaN elsewhere becomes a NaN of the weight, which no sum loses: in an order or a histogram it would have a place.
    """
    x, y = same_shape(y_true, y_pred)
    weights = weights_of(y, sample_weight, y_pred)
    x, y, weights = (ops.reshape(ops.cast(each, STATE), (-1,)) for each in (x, y, weights))
    x, y = (ops.where(weights == 0, 0.0, each) for each in (x, y))
    unknown = ops.logical_or(ops.isnan(x), ops.isnan(y))
    x, y = (ops.where(unknown, 0.0, each) for each in (x, y))
    return x, y, ops.where(unknown, float("nan"), weights)


class StreamedMean(keras.metrics.Metric):
    """Weighted mean of all values since the last reset, in float64."""

    def __init__(self, name: str | None, dtype: DType | None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", dtype=STATE, name="total")
        self.count = self.add_variable((), "zeros", dtype=STATE, name="count")

    def add(self, values: Tensor, weights: Tensor) -> None:
        """Takes in values of type float64; those that weigh nothing may be infinite."""
        self.total.assign_add(ops.sum(ops.where(weights == 0, 0.0, values * weights)))
        self.count.assign_add(ops.sum(weights))

    def mean(self) -> Tensor:
        """The mean, 0 if there is none."""
        return ops.divide_no_nan(self.total, self.count)
