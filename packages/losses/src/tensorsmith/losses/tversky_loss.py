"""The Tversky loss of masks, of which Dice and intersection over union are cases."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_number
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.losses._support.parts import product, split_weights
from tensorsmith.losses._support.precision import precise
from tensorsmith.losses._support.shapes import same_shape


@export
def tversky_loss(
    y_true: TensorLike, y_pred: TensorLike, alpha: float = 0.5, beta: float = 0.5, smooth: float = 1.0
) -> Tensor:
    """Tversky loss of every sample: the mean over classes; see `TverskyLoss`.

    Args:
        y_true: Masks, 0 or 1 or between, `(batch, ..., classes)`.
        y_pred: Probabilities, of the same shape.
        alpha: Weight of false positives, 0 or more.
        beta: Weight of false negatives, 0 or more.
        smooth: What is added above and below, 0 or more.

    Returns:
        Tensor `(batch,)`, at least float32.

    Raises:
        ValueError: A number is negative, or the shapes differ or have a rank below 2.

    Example:
        >>> y_true, y_pred = [[[1.0], [1.0], [0.0]]], [[[1.0], [0.0], [0.0]]]
        >>> print(tversky_loss(y_true, y_pred, smooth=0.0).numpy().round(4))  # Dice: 1 - 2 / 3
        [0.3333]
        >>> print(tversky_loss(y_true, y_pred, 1.0, 1.0, smooth=0.0).numpy())  # IoU: 1 - 1 / 2
        [0.5]
    """
    _check(alpha=alpha, beta=beta, smooth=smooth)
    return _of_samples(y_true, y_pred, alpha, beta, smooth)


def _of_samples(y_true: Tensor, y_pred: Tensor, alpha: float, beta: float, smooth: float, *weights: Tensor) -> Tensor:
    """Loss of every sample, whose pixels count as often as weights say."""
    y_true, y_pred = same_shape(*precise(y_true, y_pred))
    shape = tuple(y_pred.shape)
    check(len(shape) >= 2, "y_pred", shape, "(batch, ..., classes)", "give a single class an axis of size 1")
    pixels, weight = tuple(range(1, len(shape) - 1)), product(weights, y_pred)

    def total(values: Tensor) -> Tensor:
        return ops.sum(weight * values, axis=pixels) if pixels else weight * values

    hits, extra, missed = total(y_true * y_pred), total((1 - y_true) * y_pred), total(y_true * (1 - y_pred))
    part = ops.divide_no_nan(hits + smooth, hits + alpha * extra + beta * missed + smooth)
    return 1 - ops.mean(part, axis=-1)


@export
class TverskyLoss(keras.losses.Loss):
    """How little predicted masks overlap the true ones; Dice by default, IoU (Jaccard) with alpha and beta of 1.

    Formula, for each class, with sums over the pixels of a sample:

        loss = 1 - (TP + smooth) / (TP + alpha * FP + beta * FN + smooth)

        TP = sum(y_true * y_pred),  FP = sum((1 - y_true) * y_pred),  FN = sum(y_true * (1 - y_pred))

    It is averaged over classes and samples, so that batches can be cut anyhow and sample weights count; the smoothing
    makes a mask that is rightly empty a loss of 0. Where predictions carry a mask of Keras', pixels are left out of the
    sums, and samples that are masked throughout out of the batch.

    Use it instead of `keras.losses.Tversky` and `Dice` of Keras 3.15: there alpha weighs what is missed and beta what
    is too much, contrary to their documentation; all samples of a batch are one set unless given an `axis`; an empty
    mask has a loss of 1 whatever is predicted; and sums overflow in float16.

    Source: Salehi et al., "Tversky Loss Function for Image Segmentation", 2017; Milletari et al., "V-Net", 2016 (Dice).

    Args:
        alpha: Weight of false positives, 0 or more.
        beta: Weight of false negatives, 0 or more.
        smooth: What is added above and below, 0 or more. With 0, an empty mask has a loss of 1.
        reduction: How to make one number of a batch, as for every Keras loss.
        name: Name of the loss.
        dtype: Precision of the computation; `None` means Keras' default float.

    Call arguments:
        y_true: Masks, 0 or 1 or between.
        y_pred: Probabilities.
        sample_weight: Optional weights, one a sample, or `(batch, steps)` and so on: as often a part of it counts.

    Input shape:
        `(batch, ..., classes)`, twice.

    Output shape:
        A scalar, or with `reduction=None` `(batch,)`.

    Raises:
        ValueError: A number is negative, or the shapes, those of a mask or of weights included, do not fit.

    Example:
        >>> loss = TverskyLoss(alpha=0.3, beta=0.7, smooth=0.0)
        >>> round(float(loss([[[1.0], [1.0]]], [[[1.0], [0.0]]])), 4)  # 1 - 1 / 1.7: it missed one
        0.4118
        >>> round(float(loss([[[1.0], [0.0]]], [[[1.0], [1.0]]])), 4)  # 1 - 1 / 1.3: one is too much
        0.2308
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        smooth: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "tversky_loss",
        dtype: DType | None = None,
    ):
        _check(alpha=alpha, beta=beta, smooth=smooth)
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.alpha = alpha
        self.beta = beta
        self.smooth = smooth

    def __call__(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> Tensor:
        """Loss of a batch."""
        y_pred, sample_weight, *parts = split_weights(y_pred, sample_weight)
        return super().__call__((y_true, *parts), y_pred, sample_weight)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Loss of every sample, before reduction; `y_true` may be a tuple of masks, and of weights of pixels."""
        y_true, *weights = y_true if isinstance(y_true, tuple) else (y_true,)
        return _of_samples(y_true, y_pred, self.alpha, self.beta, self.smooth, *weights)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        own = {"alpha": self.alpha, "beta": self.beta, "smooth": self.smooth, "dtype": self.dtype}
        return {**super().get_config(), **own}


def _check(**numbers_given: float) -> None:
    for name, number in numbers_given.items():
        fits = is_number(number) and number >= 0
        check(fits, name, number, "a number of 0 or more")
