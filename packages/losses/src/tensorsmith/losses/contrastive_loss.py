"""Contrastive loss for pairs of embeddings."""

from typing import Any

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.losses._support.addons_loss import AddonsLoss
from tensorsmith.losses._support.margin import check_margin
from tensorsmith.losses._support.precision import precise
from tensorsmith.losses._support.shapes import same_shape


@export
def contrastive_loss(y_true: TensorLike, y_pred: TensorLike, margin: float = 1.0) -> Tensor:
    """Return the contrastive loss of each pair.

    Half-precision inputs are computed in `float32`, which is also the dtype of the result.

    Args:
        y_true: Tensor of binary labels: 1 for similar pairs, 0 for dissimilar pairs.
        y_pred: Tensor of distances between the elements of each pair, with the shape of `y_true`. A trailing axis of
            size 1 may be missing from one of the two tensors.
        margin: Distance above which dissimilar pairs do not contribute to the loss, `>= 0`.

    Returns:
        A tensor with the shape of `y_pred`.

    Raises:
        ValueError: If `margin` is negative, or the shapes differ by more than a trailing axis of size 1.

    Example:
        >>> print(contrastive_loss([1, 0], [0.5, 0.8]).numpy())  # 0.5**2, (1 - 0.8)**2
        [0.25 0.04]
    """
    check_margin(margin)
    y_true, y_pred = same_shape(*precise(y_true, y_pred))
    return y_true * ops.square(y_pred) + (1 - y_true) * ops.square(ops.maximum(margin - y_pred, 0))


@export
class ContrastiveLoss(AddonsLoss):
    """Contrastive loss: attracts similar pairs, and separates dissimilar pairs by a margin.

    Formula, with the distance d of a pair, where y is 1 for similar pairs and 0 for dissimilar pairs:

        loss = y * d^2 + (1 - y) * max(margin - d, 0)^2

    Source: Hadsell, Chopra and LeCun, "Dimensionality Reduction by Learning an Invariant Mapping", 2006.

    Args:
        margin: Distance above which dissimilar pairs do not contribute to the loss, `>= 0`.
        reduction: Type of reduction to apply to the loss. Supported options are those of `keras.losses.Loss`.
        name: Name of the loss instance.
        dtype: Data type of the computation. If `None`, `keras.config.floatx()` is used.

    Call arguments:
        y_true: Tensor of binary labels: 1 for similar pairs, 0 for dissimilar pairs.
        y_pred: Tensor of distances, such as `keras.ops.norm(a - b, axis=-1)`.
        sample_weight: Optional weights, one per pair.

    Input shape:
        Usually `(batch,)`; the same shape for both tensors, except for a trailing axis of size 1.

    Output shape:
        A scalar, or the input shape if `reduction` is `None`.

    Raises:
        ValueError: If `margin` is not a number `>= 0`.

    Example:
        >>> round(float(ContrastiveLoss()([1, 0], [0.5, 0.8])), 4)  # the mean of 0.25 and 0.04
        0.145
    """

    def __init__(
        self,
        margin: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "contrastive_loss",
        dtype: DType | None = None,
    ):
        check_margin(margin)
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.margin = margin

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each pair, before weighting and reduction."""
        return contrastive_loss(y_true, y_pred, self.margin)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the loss."""
        return {**super().get_config(), "margin": self.margin, "dtype": self.dtype}
