"""Huber loss for regression with outliers."""

import keras
from keras import ops

from tensorsmith.core import KeepsArguments, check, export, is_number
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.losses._support.precision import precise
from tensorsmith.losses._support.shapes import same_shape


@export
def huber(y_true: TensorLike, y_pred: TensorLike, delta: float = 1.0) -> Tensor:
    """Return the Huber loss of each sample, averaged over the last axis.

    Half-precision inputs are computed in `float32`, which is also the dtype of the result, because squared errors
    overflow or underflow in `float16`.

    Args:
        y_true: Tensor of true targets.
        y_pred: Tensor of predicted targets, with the shape of `y_true`. A trailing axis of size 1 may be missing from
            one of the two tensors.
        delta: Absolute error at which the loss changes from quadratic to linear, `> 0`.

    Returns:
        A tensor with the shape of `y_pred` without its last axis.

    Raises:
        ValueError: If `delta` is not `> 0`, or the shapes differ by more than a trailing axis of size 1.

    Example:
        >>> print(huber([[0.0, 0.0]], [[0.5, 3.0]]))  # (0.5**2 / 2 + (3 - 1 / 2)) / 2
        tf.Tensor([1.3125], shape=(1,), dtype=float32)
    """
    _check_delta(delta)
    y_true, y_pred = same_shape(*precise(y_true, y_pred))
    size = ops.abs(y_pred - y_true)
    # Split the error into a quadratic part up to delta and a linear remainder. Unlike a `where`, this needs no
    # branches in the gradient.
    quadratic = ops.minimum(size, delta)
    return ops.mean(0.5 * ops.square(quadratic) + delta * (size - quadratic), axis=-1)


@export
class Huber(KeepsArguments, keras.losses.Loss):
    """Huber loss of Keras with `delta` in its config: quadratic for small errors and linear for large errors.

    Unlike `keras.losses.Huber`, it includes `delta` in its config, so that a saved model is not loaded with a `delta`
    of 1.

    Formula, with e = y_pred - y_true, averaged over the last axis:

        loss = e^2 / 2                        if |e| <= delta
               delta * |e| - delta^2 / 2      otherwise

    Source: Huber, "Robust Estimation of a Location Parameter", 1964.

    Args:
        delta: Absolute error at which the loss changes from quadratic to linear, `> 0`.
        reduction: Type of reduction to apply to the loss. Supported options are those of `keras.losses.Loss`.
        name: Name of the loss instance.
        dtype: Data type of the computation. If `None`, `keras.config.floatx()` is used.

    Call arguments:
        y_true: Tensor of true targets.
        y_pred: Tensor of predicted targets.
        sample_weight: Optional weights, one per sample or one per element of the averaged shape.

    Input shape:
        Any rank `>= 1`; the same shape for both tensors, except for a trailing axis of size 1.

    Output shape:
        A scalar, or the input shape without its last axis if `reduction` is `None`.

    Raises:
        ValueError: If `delta` is not a positive number.

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
        """Return the loss of each sample, before weighting and reduction."""
        return huber(y_true, y_pred, self.delta)


def _check_delta(delta: float) -> None:
    check(
        is_number(delta) and delta > 0,
        "delta",
        delta,
        "a positive number",
        "pass the absolute error above which the loss is linear, for example 1.0",
    )
