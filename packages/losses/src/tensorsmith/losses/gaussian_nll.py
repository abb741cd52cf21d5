"""The negative log-likelihood of normal distributions."""

import math
from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.losses._support.precision import precise


@export
def gaussian_nll(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Negative log-likelihood of every sample under the predicted normal distributions; see `GaussianNLL`.

    Args:
        y_true: Targets, `(..., n)`; or `(...)` if n is 1.
        y_pred: n means, then n logarithms of variances, `(..., 2 n)`.

    Returns:
        Tensor of the shape of `y_pred` without its last axis, at least float32.

    Raises:
        ValueError: The last axis of `y_pred` has not twice the size of that of `y_true`.

    Example:
        >>> print(gaussian_nll([1.0], [[0.0, 0.0]]).numpy().round(4))  # (log(2 pi) + 1) / 2
        [1.4189]
    """
    y_true, y_pred = precise(y_true, y_pred)
    if len(y_true.shape) == len(y_pred.shape) - 1:
        y_true = ops.expand_dims(y_true, -1)
    shapes = f"{tuple(y_pred.shape)}, for targets of {tuple(y_true.shape)}"
    fits = y_true.shape[:-1].is_compatible_with(y_pred.shape[:-1]) and y_pred.shape[-1] == 2 * y_true.shape[-1]
    check(fits, "y_pred", shapes, "a last axis twice as long, for means and logarithms of variances")
    mean, log_variance = ops.split(y_pred, 2, axis=-1)
    error = y_true - mean
    # An error of 0 times the infinite precision of a tiny variance would be no number.
    finite = ops.where(error == 0, ops.maximum(log_variance, -80), log_variance)
    terms = math.log(2 * math.pi) + log_variance + ops.square(error * ops.exp(-finite / 2))
    return 0.5 * ops.sum(terms, axis=-1)


@export
class GaussianNLL(keras.losses.Loss):
    """Makes a model predict how sure it is: a mean and a variance for every target.

    Formula, with mean m and log-variance v, summed over the last axis, since independent likelihoods multiply:

        loss = 1/2 * (log(2 pi) + v + (y_true - m)^2 * exp(-v))

    As a metric that streams: `metrics=[gaussian_nll]`. The negative log-likelihood of classes is
    `keras.losses.SparseCategoricalCrossentropy`, that of counts `keras.losses.Poisson`.

    Source: Nix and Weigend, "Estimating the Mean and Variance of the Target Probability Distribution", 1994.

    Args:
        reduction: How to make one number of a batch, as for every Keras loss.
        name: Name of the loss.
        dtype: Precision of the computation; `None` means Keras' default float.

    Call arguments:
        y_true: Targets.
        y_pred: n means, then n logarithms of variances.
        sample_weight: Optional weights, one a sample.

    Input shape:
        `(..., n)` and `(..., 2 n)`; for one target also `(...)` and `(..., 2)`.

    Output shape:
        A scalar, or with `reduction=None` the shape of the predictions without its last axis.

    Raises:
        ValueError: The last axis of `y_pred` has not twice the size of that of `y_true`.

    Example:
        >>> loss = GaussianNLL()
        >>> round(float(loss([[3.0]], [[1.0, 0.0]])), 4)  # sure and wrong: log(2 pi) / 2 + 2
        2.9189
        >>> round(float(loss([[3.0]], [[1.0, 1.386294]])), 4)  # a variance of 4
        2.1121
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "gaussian_nll", dtype: DType | None = None
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Loss of every sample, before weights and reduction."""
        return gaussian_nll(y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {**super().get_config(), "dtype": self.dtype}
