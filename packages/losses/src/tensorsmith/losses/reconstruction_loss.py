"""How badly an autoencoder paints its inputs again."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, did_you_mean, export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.losses._support.parts import product, split_weights
from tensorsmith.losses._support.precision import precise
from tensorsmith.losses._support.shapes import same_shape

KINDS = ("bernoulli", "gaussian")
PIXELS = ("sum", "mean")


@export
def reconstruction_loss(
    y_true: TensorLike, y_pred: TensorLike, kind: str = "bernoulli", pixels: str = "sum", from_logits: bool = False
) -> Tensor:
    """Loss of every sample over all its pixels; see `ReconstructionLoss`.

    Args:
        y_true: What the pixels should be.
        y_pred: What they are, of the same shape. A last axis of size 1 that only one of the two has is forgiven.
        kind: "bernoulli" or "gaussian".
        pixels: "sum" or "mean".
        from_logits: Whether predictions are logits, for "bernoulli" only.

    Returns:
        Tensor `(batch,)`, at least float32.

    Raises:
        ValueError: An argument is none of the above, or the shapes differ.

    Example:
        >>> print(reconstruction_loss([[1.0, 0.0]], [[0.5, 0.5]]).numpy().round(4))  # 2 log(2)
        [1.3863]
        >>> print(reconstruction_loss([[1.0, 0.0]], [[0.0, 0.0]], "gaussian").numpy())
        [0.5]
    """
    _check(kind, pixels, from_logits)
    return _of_samples(_of_pixels(y_true, y_pred, kind, from_logits), pixels)


def _of_pixels(y_true: Tensor, y_pred: Tensor, kind: str, from_logits: bool) -> Tensor:
    y_true, y_pred = same_shape(*precise(y_true, y_pred))
    if kind == "gaussian":
        return 0.5 * ops.square(y_pred - y_true)
    if from_logits:
        return ops.softplus(y_pred) - y_true * y_pred
    epsilon = keras.config.epsilon()
    y_pred = ops.clip(y_pred, epsilon, 1 - epsilon)
    return -y_true * ops.log(y_pred) - (1 - y_true) * ops.log1p(-y_pred)


def _of_samples(losses: Tensor, pixels: str, mask: Tensor = True, weights: Tensor = 1) -> Tensor:
    """One number of each sample's pixels: those that are masked do not count, those with a weight as often."""
    axes = tuple(range(1, len(losses.shape)))
    total = ops.sum(losses * product([mask, weights], losses), axis=axes)
    if pixels == "sum":
        return total
    return ops.divide_no_nan(total, ops.sum(product([mask], losses) * ops.ones_like(losses), axis=axes))


@export
class ReconstructionLoss(keras.losses.Loss):
    """How badly an autoencoder paints its inputs again: the reconstruction part of the bound that a VAE maximizes.

    Formula, for every pixel, with target y and prediction p:

        loss = -y * log(p) - (1 - y) * log(1 - p)      "bernoulli": pixels in [0, 1]
               (y - p)^2 / 2                           "gaussian": of variance 1, without its constant

    summed over all pixels of a sample, as `gaussian_kl` sums over all codings. Keras' losses average over the last axis
    and then over all pixels: the sum is that times the number of pixels, and with `pixels="mean"` the divergence has to
    be divided by that number, by 784 for images of 28 x 28.

    Where predictions are masked, as steps of sequences are, pixels are left out of a sample's sum or mean, and samples
    that are masked throughout out of the batch.

    Source: Kingma and Welling, "Auto-Encoding Variational Bayes", 2014.

    Args:
        kind: "bernoulli" or "gaussian".
        pixels: "sum" or "mean": how to make one number of a sample's pixels.
        from_logits: Whether predictions are logits, which is more precise than probabilities; for "bernoulli" only.
        reduction: How to make one number of a batch, as for every Keras loss.
        name: Name of the loss.
        dtype: Precision of the computation; `None` means Keras' default float.

    Call arguments:
        y_true: What the pixels should be.
        y_pred: What they are.
        sample_weight: Optional weights, one a sample, or `(batch, steps)` and so on: one a part of it.

    Input shape:
        `(batch, ...)`, twice.

    Output shape:
        A scalar, or with `reduction=None` `(batch,)`.

    Raises:
        ValueError: An argument is none of the above, or the shapes differ, or those of a mask or of weights do not fit.

    Example:
        >>> y_true, y_pred = [[1.0, 0.0]], [[0.5, 0.5]]
        >>> round(float(ReconstructionLoss()(y_true, y_pred)), 4)  # 2 log(2)
        1.3863
        >>> round(float(ReconstructionLoss(pixels="mean")(y_true, y_pred)), 4)
        0.6931
    """

    def __init__(
        self,
        kind: str = "bernoulli",
        pixels: str = "sum",
        from_logits: bool = False,
        reduction: str | None = "sum_over_batch_size",
        name: str = "reconstruction_loss",
        dtype: DType | None = None,
    ):
        _check(kind, pixels, from_logits)
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.kind = kind
        self.pixels = pixels
        self.from_logits = from_logits

    def __call__(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> Tensor:
        """Loss of a batch."""
        y_pred, sample_weight, *parts = split_weights(y_pred, sample_weight)
        return super().__call__((y_true, *parts), y_pred, sample_weight)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Loss of every sample, before reduction; `y_true` may be a tuple of targets, mask and weights of pixels."""
        y_true, *parts = y_true if isinstance(y_true, tuple) else (y_true,)
        return _of_samples(_of_pixels(y_true, y_pred, self.kind, self.from_logits), self.pixels, *parts)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        own = {"kind": self.kind, "pixels": self.pixels, "from_logits": self.from_logits, "dtype": self.dtype}
        return {**super().get_config(), **own}


def _check(kind: str, pixels: str, from_logits: bool) -> None:
    check(kind in KINDS, "kind", kind, "'bernoulli' or 'gaussian'", did_you_mean(str(kind), KINDS))
    check(pixels in PIXELS, "pixels", pixels, "'sum' or 'mean'", did_you_mean(str(pixels), PIXELS))
    fits = isinstance(from_logits, bool) and (kind == "bernoulli" or not from_logits)
    check(fits, "from_logits", from_logits, "True or False, and False for 'gaussian'")
