"""Sample weights, and a streaming weighted mean."""

import keras
from keras import ops

from tensorsmith.core import check
from tensorsmith.core.keras_internals import keras_mask
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.shapes import same_shape

# Dtype of accumulated state. float32 cannot count beyond 2**24, and half precision not beyond 2048.
STATE = "float64"


def weights_of(samples: Tensor, sample_weight: TensorLike | None, y_pred: TensorLike) -> Tensor:
    """Return one weight per sample: the given weight or 1, but 0 where the predictions are masked.

    Args:
        samples: Tensor that determines the shape of the samples. Its values are not used.
        sample_weight: Optional weights, with the shape of the leading axes of the samples and, optionally, a trailing
            axis of size 1.
        y_pred: Tensor of predictions, optionally with a Keras mask.

    Raises:
        ValueError: If the weights have other sizes. Unknown sizes are accepted.
    """
    shape = ops.shape(samples)
    weights = ops.ones(shape, STATE)
    for given in (sample_weight, keras_mask(y_pred)):
        if given is None:
            continue
        given = ops.cast(given, STATE)
        if len(given.shape) > 1 and given.shape[-1] == 1:
            given = ops.squeeze(given, -1)
        rank = len(given.shape)
        fits = rank <= len(shape) and given.shape.is_compatible_with(weights.shape[:rank])
        expected = f"have a shape that matches the leading axes of the samples {tuple(weights.shape)}"
        check(fits, "sample_weight", tuple(given.shape), expected, "pass one weight for each sample")
        # Weights are broadcast over the remaining axes: (batch,) becomes (batch, 1, ...).
        weights = weights * ops.reshape(given, (*ops.shape(given), *(1,) * (len(shape) - rank)))
    return weights


def samples_of(
    y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return targets, predictions and weights as `float64` vectors. Samples of weight 0 may have arbitrary values.

    Other NaN values are replaced by a weight of NaN, which all sums propagate, whereas a NaN value would be assigned a
    rank or a bin.
    """
    x, y = same_shape(y_true, y_pred)
    weights = weights_of(y, sample_weight, y_pred)
    x, y, weights = (ops.reshape(ops.cast(each, STATE), (-1,)) for each in (x, y, weights))
    x, y = (ops.where(weights == 0, 0.0, each) for each in (x, y))
    unknown = ops.logical_or(ops.isnan(x), ops.isnan(y))
    x, y = (ops.where(unknown, 0.0, each) for each in (x, y))
    return x, y, ops.where(unknown, float("nan"), weights)


class StreamedMean(keras.metrics.Metric):
    """Weighted mean of all values since the last reset, accumulated in `float64`."""

    def __init__(self, name: str | None, dtype: DType | None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", dtype=STATE, name="total")
        self.count = self.add_variable((), "zeros", dtype=STATE, name="count")

    def add(self, values: Tensor, weights: Tensor) -> None:
        """Add `float64` values to the mean. Values of weight 0 may be infinite."""
        # Masked after the product, because 0 times infinity is NaN.
        self.total.assign_add(ops.sum(ops.where(weights == 0, 0.0, values * weights)))
        self.count.assign_add(ops.sum(weights))

    def mean(self) -> Tensor:
        """Return the mean, or 0 if no values were added."""
        return ops.divide_no_nan(self.total, self.count)
