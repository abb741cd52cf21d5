"""The Huber loss."""

import keras
from keras import ops

from tensorsmith.core import KeepsArguments, check, export, is_number
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.losses._support.precision import precise
from tensorsmith.losses._support.shapes import same_shape


@export
def huber(y_true: TensorLike, y_pred: TensorLike, delta: float = 1.0) -> Tensor:
    """Huber loss of every sample: the mean over the last axis.

    Half precision is computed, and returned, in float32, where large errors neither overflow nor vanish.

    Args:
        y_true: Targets.
        y_pred: Predictions, of the shape of `y_true`. A last axis of size 1 that only one of the two has is forgiven.
        delta: Where the loss turns from quadratic to linear, above 0.

    Returns:
        Tensor of the shape of `y_pred` without its last axis.

    Raises:
        ValueError: `delta` is not above 0, or the shapes differ by more than a last axis of size 1.

    Example:
        >>> print(huber([[0.0, 0.0]], [[0.5, 3.0]]))  # (0.5**2 / 2 + (3 - 1 / 2)) / 2
        tf.Tensor([1.3125], shape=(1,), dtype=float32)
    """
    _check_delta(delta)
    y_true, y_pred = same_shape(*precise(y_true, y_pred))
    size = ops.abs(y_pred - y_true)
    # The part within delta counts as a square, the rest in proportion: one formula, and no branch to differentiate.
    quadratic = ops.minimum(size, delta)
    return ops.mean(0.5 * ops.square(quadratic) + delta * (size - quadratic), axis=-1)


@export
class Huber(KeepsArguments, keras.losses.Loss):
    """Squared error for small errors, absolute error for large ones: robust to outliers, smooth at zero.

    Unlike `keras.losses.Huber`, which comes back with a delta of 1, it keeps its `delta` when a model is saved.

    Formula, with e = y_pred - y_true, averaged over the last axis:

        loss = e^2 / 2                        if |e| <= delta
               delta * |e| - delta^2 / 2      otherwise

    Source: Huber, "Robust Estimation of a Location Parameter", 1964.

    Args:
        delta: Where the loss turns from quadratic to linear, above 0.
        reduction: How to make one number of a batch, as for every Keras loss.
        name: Name of the loss.
        dtype: Precision of the computation; `None` means Keras' default float.

    Call arguments:
        y_true: Targets.
        y_pred: Predictions.
        sample_weight: Optional weights, one a sample or one an element of the averaged shape.

    Input shape:
        Any rank from 1; both the same, but for a last axis of size 1.

    Output shape:
        A scalar, or with `reduction=None` the input shape without its last axis.

    Raises:
        ValueError: `delta` is no number above 0.

    Example:
        >>> loss = Huber(delta=2.0)
        >>> float(loss([[0.0]], [[5.0]]))  # 2 * 5 - 2**2 / 2
        8.0
        >>> float(Huber.from_config(loss.get_config())([[0.0]], [[5.0]]))
        8.0
    """

    kept_arguments = ("delta", "dtype")

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "huber",
        dtype: DType | None = None,
    ):
        _check_delta(delta)
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.delta = delta

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Loss of every sample, before weights and reduction."""
        return huber(y_true, y_pred, self.delta)


def _check_delta(delta: float) -> None:
    check(
        is_number(delta) and delta > 0,
        "delta",
        delta,
        "a number above 0",
        "give the error from which on the loss is linear, for example 1.0",
    )
