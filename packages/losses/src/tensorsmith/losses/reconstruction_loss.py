"""Reconstruction loss of autoencoders."""

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
    """Return the reconstruction loss of each sample, reduced over its pixels; see `ReconstructionLoss`.

    Args:
        y_true: Tensor of original pixel values.
        y_pred: Tensor of reconstructed pixel values, with the shape of `y_true`. A trailing axis of size 1 may be
            missing from one of the two tensors.
        kind: Likelihood model of the pixels: `"bernoulli"` or `"gaussian"`.
        pixels: Reduction over the pixels of a sample: `"sum"` or `"mean"`.
        from_logits: If `True`, `y_pred` is interpreted as logits. Supported only for `kind="bernoulli"`.

    Returns:
        A tensor of shape `(batch,)`, in `float32` or higher precision.

    Raises:
        ValueError: If an argument is not one of those above, or the shapes differ.

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
        # Cross-entropy in terms of the logits, without a logarithm of a rounded probability.
        return ops.softplus(y_pred) - y_true * y_pred
    epsilon = keras.config.epsilon()
    # Clipping keeps the logarithms of saturated probabilities finite.
    y_pred = ops.clip(y_pred, epsilon, 1 - epsilon)
    return -y_true * ops.log(y_pred) - (1 - y_true) * ops.log1p(-y_pred)


def _of_samples(losses: Tensor, pixels: str, mask: Tensor = True, weights: Tensor = 1) -> Tensor:
    """Reduce the losses of pixels to one loss per sample, excluding masked pixels."""
    # All axes of a sample are reduced: (batch, ...) becomes (batch,).
    axes = tuple(range(1, len(losses.shape)))
    total = ops.sum(losses * product([mask, weights], losses), axis=axes)
    if pixels == "sum":
        return total
    # The mean is over the unmasked pixels. Weights do not enter the denominator.
    return ops.divide_no_nan(total, ops.sum(product([mask], losses) * ops.ones_like(losses), axis=axes))


@export
class ReconstructionLoss(keras.losses.Loss):
    """Reconstruction loss of autoencoders: Bernoulli or Gaussian negative log-likelihood of the pixels.

    Formula, for each pixel, with target y and prediction p:

        loss = -y * log(p) - (1 - y) * log(1 - p)      "bernoulli": pixels in [0, 1]
               (y - p)^2 / 2                           "gaussian": unit variance, without the constant

    The loss is summed over all pixels of a sample, like `gaussian_kl` over all latent dimensions. Keras losses average
    over the last axis and then over all pixels; multiplied by the number of pixels, this mean equals the sum. With
    `pixels="mean"`, the divergence must be divided by the number of pixels, which is 784 for 28 x 28 images.

    If the predictions are masked, such as the steps of sequences, masked pixels are excluded from the sum or mean of a
    sample, and fully masked samples from the batch.

    Source: Kingma and Welling, "Auto-Encoding Variational Bayes", 2014.

    Args:
        kind: Likelihood model of the pixels: `"bernoulli"` or `"gaussian"`.
        pixels: Type of reduction over the pixels of a sample, `"sum"` or `"mean"`.
        from_logits: If `True`, `y_pred` is interpreted as logits, which is numerically more precise than probabilities.
            Supported only for `kind="bernoulli"`.
        reduction: Type of reduction to apply to the loss. Supported options are those of `keras.losses.Loss`.
        name: Name of the loss instance.
        dtype: Data type of the computation. If `None`, `keras.config.floatx()` is used.

    Call arguments:
        y_true: Tensor of original pixel values.
        y_pred: Tensor of reconstructed pixels.
        sample_weight: Optional weights, one per sample, or one per part of a sample, of shape `(batch, steps)` for
            example.

    Input shape:
        `(batch, ...)` for both tensors.

    Output shape:
        A scalar, or `(batch,)` if `reduction` is `None`.

    Raises:
        ValueError: If an argument is not one of those above, or the shapes, including those of a mask or weights, do
            not match.

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
        """Return the reduced loss of a batch."""
        y_pred, sample_weight, *parts = split_weights(y_pred, sample_weight)
        return super().__call__((y_true, *parts), y_pred, sample_weight)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each sample, before reduction. `y_true` may be a tuple of targets, a mask and weights."""
        y_true, *parts = y_true if isinstance(y_true, tuple) else (y_true,)
        return _of_samples(_of_pixels(y_true, y_pred, self.kind, self.from_logits), self.pixels, *parts)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the loss."""
        own = {"kind": self.kind, "pixels": self.pixels, "from_logits": self.from_logits, "dtype": self.dtype}
        return {**super().get_config(), **own}


def _check(kind: str, pixels: str, from_logits: bool) -> None:
    check(kind in KINDS, "kind", kind, "'bernoulli' or 'gaussian'", did_you_mean(str(kind), KINDS))
    check(pixels in PIXELS, "pixels", pixels, "'sum' or 'mean'", did_you_mean(str(pixels), PIXELS))
    fits = isinstance(from_logits, bool) and (kind == "bernoulli" or not from_logits)
    check(fits, "from_logits", from_logits, "True or False, and False if `kind` is 'gaussian'")
