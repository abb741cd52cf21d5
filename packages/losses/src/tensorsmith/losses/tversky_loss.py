"""Tversky loss for segmentation masks, which generalizes the Dice and intersection over union losses."""

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
    """Return the Tversky loss of each sample, averaged over classes; see `TverskyLoss`.

    Args:
        y_true: Tensor of true masks, with values in [0, 1], of shape `(batch, ..., classes)`.
        y_pred: Tensor of predicted probabilities, with the shape of `y_true`.
        alpha: Weight of false positives, `>= 0`.
        beta: Weight of false negatives, `>= 0`.
        smooth: Smoothing constant added to the numerator and the denominator, `>= 0`.

    Returns:
        A tensor of shape `(batch,)`, in `float32` or higher precision.

    Raises:
        ValueError: If a number is negative, the shapes differ, or their rank is less than 2.

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
    """Return the Tversky loss of each sample, with pixels weighted by `weights`."""
    y_true, y_pred = same_shape(*precise(y_true, y_pred))
    shape = tuple(y_pred.shape)
    check(
        len(shape) >= 2, "y_pred", shape, "have shape (batch, ..., classes)", "add an axis of size 1 for a single class"
    )
    # All axes between batch and classes are pixels: the sums have shape (batch, classes).
    pixels, weight = tuple(range(1, len(shape) - 1)), product(weights, y_pred)

    def total(values: Tensor) -> Tensor:
        return ops.sum(weight * values, axis=pixels) if pixels else weight * values

    # Soft counts of true positives, false positives and false negatives.
    hits, extra, missed = total(y_true * y_pred), total((1 - y_true) * y_pred), total(y_true * (1 - y_pred))
    part = ops.divide_no_nan(hits + smooth, hits + alpha * extra + beta * missed + smooth)
    return 1 - ops.mean(part, axis=-1)


@export
class TverskyLoss(keras.losses.Loss):
    """Tversky loss for segmentation: Dice loss by default, IoU (Jaccard) loss if `alpha` and `beta` are 1.

    Formula, for each class, with sums over the pixels of a sample:

        loss = 1 - (TP + smooth) / (TP + alpha * FP + beta * FN + smooth)

        TP = sum(y_true * y_pred),  FP = sum((1 - y_true) * y_pred),  FN = sum(y_true * (1 - y_pred))

    The loss is averaged over classes and samples. It therefore does not depend on how the data are split into batches,
    and supports sample weights. The smoothing gives a loss of 0 to an empty mask that is predicted correctly. If the
    predictions have a Keras mask, masked pixels are excluded from the sums, and fully masked samples from the batch.

    It differs from `keras.losses.Tversky` and `keras.losses.Dice` of Keras 3.15, in which `alpha` weighs false
    negatives and `beta` false positives, contrary to their documentation; all samples of a batch form one set unless
    `axis` is given; an empty mask has a loss of 1 for every prediction; and sums overflow in `float16`.

    Source: Salehi et al., "Tversky Loss Function for Image Segmentation", 2017; Milletari et al., "V-Net", 2016 (Dice).

    Args:
        alpha: Weight of false positives, `>= 0`.
        beta: Weight of false negatives, `>= 0`.
        smooth: Smoothing constant added to the numerator and the denominator, `>= 0`. If `smooth` is 0, an empty mask
            has a loss of 1.
        reduction: Type of reduction to apply to the loss. Supported options are those of `keras.losses.Loss`.
        name: Name of the loss instance.
        dtype: Data type of the computation. If `None`, `keras.config.floatx()` is used.

    Call arguments:
        y_true: Tensor of true masks, with values in [0, 1].
        y_pred: Tensor of predicted probabilities.
        sample_weight: Optional weights, one per sample, or one per part of a sample, of shape `(batch, steps)` for
            example.

    Input shape:
        `(batch, ..., classes)` for both tensors.

    Output shape:
        A scalar, or `(batch,)` if `reduction` is `None`.

    Raises:
        ValueError: If a number is negative, or the shapes, including those of a mask or weights, do not match.

    Example:
        >>> loss = TverskyLoss(alpha=0.3, beta=0.7, smooth=0.0)
        >>> round(float(loss([[[1.0], [1.0]]], [[[1.0], [0.0]]])), 4)  # 1 - 1 / 1.7: one false negative
        0.4118
        >>> round(float(loss([[[1.0], [0.0]]], [[[1.0], [1.0]]])), 4)  # 1 - 1 / 1.3: one false positive
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
        """Return the reduced loss of a batch."""
        y_pred, sample_weight, *parts = split_weights(y_pred, sample_weight)
        return super().__call__((y_true, *parts), y_pred, sample_weight)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each sample, before reduction. `y_true` may be a tuple of masks and pixel weights."""
        y_true, *weights = y_true if isinstance(y_true, tuple) else (y_true,)
        return _of_samples(y_true, y_pred, self.alpha, self.beta, self.smooth, *weights)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the loss."""
        own = {"alpha": self.alpha, "beta": self.beta, "smooth": self.smooth, "dtype": self.dtype}
        return {**super().get_config(), **own}


def _check(**numbers_given: float) -> None:
    for name, number in numbers_given.items():
        fits = is_number(number) and number >= 0
        check(fits, name, number, "a non-negative number")
