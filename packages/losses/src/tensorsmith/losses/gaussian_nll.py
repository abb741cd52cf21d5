"""Gaussian negative log-likelihood loss for models that predict a variance."""

import math
from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.losses._support.precision import precise


@export
def gaussian_nll(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Return the Gaussian negative log-likelihood of each sample; see `GaussianNLL`.

    Args:
        y_true: Tensor of targets, of shape `(..., n)`, or `(...)` if n is 1.
        y_pred: Tensor of n means followed by n log-variances, of shape `(..., 2 n)`.

    Returns:
        A tensor with the shape of `y_pred` without its last axis, in `float32` or higher precision.

    Raises:
        ValueError: If the last axis of `y_pred` is not twice as long as that of `y_true`.

    Example:
        >>> print(gaussian_nll([1.0], [[0.0, 0.0]]).numpy().round(4))  # (log(2 pi) + 1) / 2
        [1.4189]
    """
    y_true, y_pred = precise(y_true, y_pred)
    if len(y_true.shape) == len(y_pred.shape) - 1:
        # A single target per sample: (batch,) becomes (batch, 1).
        y_true = ops.expand_dims(y_true, -1)
    shapes = f"{tuple(y_pred.shape)}, for targets of {tuple(y_true.shape)}"
    fits = y_true.shape[:-1].is_compatible_with(y_pred.shape[:-1]) and y_pred.shape[-1] == 2 * y_true.shape[-1]
    check(
        fits,
        "y_pred",
        shapes,
        "have the shape of `y_true`, but with a last axis of twice the size, for means and log variances",
    )
    mean, log_variance = ops.split(y_pred, 2, axis=-1)  # (..., targets) each
    error = y_true - mean
    # An error of 0 times the infinite precision of a tiny variance would be NaN.
    finite = ops.where(error == 0, ops.maximum(log_variance, -80), log_variance)
    # Scaling the error before squaring it extends the range of v: exp(-v) would overflow earlier than exp(-v / 2).
    terms = math.log(2 * math.pi) + log_variance + ops.square(error * ops.exp(-finite / 2))
    return 0.5 * ops.sum(terms, axis=-1)


@export
class GaussianNLL(keras.losses.Loss):
    """Gaussian negative log-likelihood loss, for models that predict a mean and a variance for each target.

    Formula, with mean m and log-variance v, summed over the last axis because the targets are independent:

        loss = 1/2 * (log(2 pi) + v + (y_true - m)^2 * exp(-v))

    Pass `metrics=[gaussian_nll]` to `compile` to use it as a streaming metric. For the negative log-likelihood of
    classes, use `keras.losses.SparseCategoricalCrossentropy`; for that of counts, `keras.losses.Poisson`.

    Source: Nix and Weigend, "Estimating the Mean and Variance of the Target Probability Distribution", 1994.

    Args:
        reduction: Type of reduction to apply to the loss. Supported options are those of `keras.losses.Loss`.
        name: Name of the loss instance.
        dtype: Data type of the computation. If `None`, `keras.config.floatx()` is used.

    Call arguments:
        y_true: Tensor of targets.
        y_pred: Tensor of n means followed by n logarithms of variances.
        sample_weight: Optional weights, one per sample.

    Input shape:
        `y_true`: `(..., n)`. `y_pred`: `(..., 2 n)`. A single target may also have shape `(...)`.

    Output shape:
        A scalar, or the shape of the predictions without its last axis if `reduction` is `None`.

    Raises:
        ValueError: If the last axis of `y_pred` is not twice as long as that of `y_true`.

    Example:
        >>> loss = GaussianNLL()
        >>> round(float(loss([[3.0]], [[1.0, 0.0]])), 4)  # unit variance: log(2 pi) / 2 + 2
        2.9189
        >>> round(float(loss([[3.0]], [[1.0, 1.386294]])), 4)  # a variance of 4
        2.1121
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "gaussian_nll", dtype: DType | None = None
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each sample, before weighting and reduction."""
        return gaussian_nll(y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the loss."""
        return {**super().get_config(), "dtype": self.dtype}
