"""Pinball loss for quantile regression."""

from typing import Any

import numpy as np
from keras import ops

from tensorsmith.core import check, export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.losses._support.addons_loss import AddonsLoss
from tensorsmith.losses._support.precision import precise
from tensorsmith.losses._support.shapes import same_shape


@export
def pinball_loss(y_true: TensorLike, y_pred: TensorLike, tau: TensorLike = 0.5) -> Tensor:
    """Return the pinball loss of each sample, averaged over the last axis.

    Half-precision inputs are computed in `float32`, which is also the dtype of the result.

    Args:
        y_true: Tensor of true targets.
        y_pred: Tensor of predicted targets, with the shape of `y_true`. A trailing axis of size 1 may be missing from
            one of the two tensors.
        tau: Quantile to predict, a float in [0, 1], or an array with one quantile for each element of a sample. If the
            last axis of the targets has size 1, all quantiles refer to the same target.

    Returns:
        A tensor with the shape of `y_pred` without its last axis.

    Raises:
        ValueError: If `tau` is outside [0, 1], the number of quantiles does not match the elements of a sample, or the
            shapes differ by more than a trailing axis of size 1.

    Example:
        >>> float(pinball_loss([0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 1.0, 0.0], tau=0.25))  # (0.75 + 0.75 + 0 + 0.25) / 4
        0.4375
    """
    tau = _checked(tau)
    y_true, y_pred = precise(y_true, y_pred)
    _check_places(tau, y_pred)
    if isinstance(tau, list) and y_true.shape[-1] == 1:
        # One target for several quantiles: (batch, 1) becomes (batch, quantiles).
        y_true = ops.repeat(y_true, np.shape(tau)[-1], axis=-1)
    y_true, y_pred = same_shape(y_true, y_pred)
    error = y_true - y_pred
    tau = ops.expand_dims(ops.convert_to_tensor(tau, error.dtype), 0)  # batch axis
    # The branches intersect at an error of 0, so that their maximum selects the right one.
    return ops.mean(ops.maximum(tau * error, (tau - 1) * error), axis=-1)


@export
class PinballLoss(AddonsLoss):
    """Pinball loss for quantile regression: models learn to predict the `tau` quantile of the targets.

    Formula, with e = y_true - y_pred, averaged over the last axis:

        loss = max(tau * e, (tau - 1) * e)

    With tau = 1/2 it is half the absolute error, whose minimum is the median.

    Source: Koenker and Bassett, "Regression Quantiles", 1978.

    Args:
        tau: Quantile to predict, a float in [0, 1], or an array with one quantile for each element of a sample. If the
            last axis of the targets has size 1, all quantiles refer to the same target.
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
        ValueError: If `tau` is not a number in [0, 1] or an array of such numbers.

    Example:
        >>> loss = PinballLoss(tau=[0.25, 0.75])  # a lower and an upper quartile
        >>> float(loss([[0.0, 0.0]], [[-1.0, 2.0]]))  # (0.25 * 1 + 0.25 * 2) / 2
        0.375
    """

    def __init__(
        self,
        tau: TensorLike = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str = "pinball_loss",
        dtype: DType | None = None,
    ):
        self.tau = _checked(tau)
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each sample, before weighting and reduction."""
        return pinball_loss(y_true, y_pred, self.tau)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the loss."""
        return {**super().get_config(), "tau": self.tau, "dtype": self.dtype}


def _check_places(tau: TensorLike, y_pred: Tensor) -> None:
    """Raise an error unless the array of quantiles can be broadcast to the shape of a sample."""
    sizes, sample = np.shape(tau), tuple(y_pred.shape[1:])
    last = sample[len(sample) - len(sizes) :]
    # Broadcasting aligns the trailing axes. Axes of unknown size are accepted.
    fits = len(sizes) <= len(sample) and all(
        position in (None, size) or size == 1 for size, position in zip(sizes, last, strict=True)
    )
    check(fits, "tau", tau, f"a number, or an array that broadcasts to the sample shape {sample}")


def _checked(tau: TensorLike) -> Tensor:
    """Validate quantiles in [0, 1] and return them as a float or as JSON-serializable nested lists."""
    values = np.asarray(tau)
    fits = values.dtype.kind in "fiu" and bool(np.all((values >= 0) & (values <= 1)))
    check(fits, "tau", tau, "a number in [0, 1], or an array of such numbers", "pass 0.9 for the 90th percentile")
    return values.tolist()
