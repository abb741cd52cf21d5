"""The pinball loss."""

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
    """Pinball loss of every sample: the mean over the last axis.

    Half precision is computed, and returned, in float32.

    Args:
        y_true: Targets.
        y_pred: Predictions, of the shape of `y_true`. A last axis of size 1 that only one of the two has is forgiven.
        tau: The quantile to predict, in [0, 1]; or an array of them, one for each element of a sample, or all of one
            target if the last axis of targets has size 1.

    Returns:
        Tensor of the shape of `y_pred` without its last axis.

    Raises:
        ValueError: `tau` is outside [0, 1] or has more or fewer quantiles than a sample has elements, or the shapes
            differ by more than a last axis of size 1.

    Example:
        >>> float(pinball_loss([0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 1.0, 0.0], tau=0.25))  # (0.75 + 0.75 + 0 + 0.25) / 4
        0.4375
    """
    tau = _checked(tau)
    y_true, y_pred = precise(y_true, y_pred)
    _check_places(tau, y_pred)
    if isinstance(tau, list) and y_true.shape[-1] == 1:
        y_true = ops.repeat(y_true, np.shape(tau)[-1], axis=-1)
    y_true, y_pred = same_shape(y_true, y_pred)
    error = y_true - y_pred
    tau = ops.expand_dims(ops.convert_to_tensor(tau, error.dtype), 0)  # the batch's axis
    return ops.mean(ops.maximum(tau * error, (tau - 1) * error), axis=-1)


@export
class PinballLoss(AddonsLoss):
    """Makes a model predict a quantile: a share tau of the targets comes to lie below the predictions.

    Formula, with e = y_true - y_pred, averaged over the last axis:

        loss = max(tau * e, (tau - 1) * e)

    With tau = 1/2 it is half the absolute error, which predicts the median.

    Source: Koenker and Bassett, "Regression Quantiles", 1978.

    Args:
        tau: The quantile to predict, in [0, 1]; or an array of them, one for each element of a sample, or all of one
            target if the last axis of targets has size 1.
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
        ValueError: `tau` is no number in [0, 1], nor an array of such.

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
        """Loss of every sample, before weights and reduction."""
        return pinball_loss(y_true, y_pred, self.tau)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {**super().get_config(), "tau": self.tau, "dtype": self.dtype}


def _check_places(tau: TensorLike, y_pred: Tensor) -> None:
    """Raises unless there is one quantile for each element of a sample, along its last axes."""
    sizes, sample = np.shape(tau), tuple(y_pred.shape[1:])
    last = sample[len(sample) - len(sizes) :]
    fits = len(sizes) <= len(sample) and all(
        place in (None, size) or size == 1 for size, place in zip(sizes, last, strict=True)
    )
    check(fits, "tau", tau, f"a number, or quantiles for the elements of samples of shape {sample}")


def _checked(tau: TensorLike) -> Tensor:
    """The quantile as a number, or quantiles as lists, which a config can hold."""
    values = np.asarray(tau)
    fits = values.dtype.kind in "fiu" and bool(np.all((values >= 0) & (values <= 1)))
    check(fits, "tau", tau, "a number in [0, 1], or an array of such", "give 0.9 for what 90 % lie below")
    return values.tolist()
