"""The contrastive loss."""

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
    """Contrastive loss of every pair.

    Half precision is computed, and returned, in float32.

    Args:
        y_true: 1 for pairs that belong together, 0 for others.
        y_pred: Distances between the two of each pair, of the shape of `y_true`. A last axis of size 1 that only one
            of the two has is forgiven.
        margin: How far apart those that do not belong together shall be, 0 or more.

    Returns:
        Tensor of the shape of `y_pred`.

    Raises:
        ValueError: `margin` is negative, or the shapes differ by more than a last axis of size 1.

    Example:
        >>> print(contrastive_loss([1, 0], [0.5, 0.8]).numpy())  # 0.5**2, (1 - 0.8)**2
        [0.25 0.04]
    """
    check_margin(margin)
    y_true, y_pred = same_shape(*precise(y_true, y_pred))
    return y_true * ops.square(y_pred) + (1 - y_true) * ops.square(ops.maximum(margin - y_pred, 0))


@export
class ContrastiveLoss(AddonsLoss):
    """Draws pairs that belong together near each other, and pushes others apart until a margin lies between them.

    Formula, with d the distance between the two of a pair, and y = 1 if they belong together, else 0:

        loss = y * d^2 + (1 - y) * max(margin - d, 0)^2

    Source: Hadsell, Chopra and LeCun, "Dimensionality Reduction by Learning an Invariant Mapping", 2006.

    Args:
        margin: How far apart those that do not belong together shall be, 0 or more.
        reduction: How to make one number of a batch, as for every Keras loss.
        name: Name of the loss.
        dtype: Precision of the computation; `None` means Keras' default float.

    Call arguments:
        y_true: 1 for pairs that belong together, 0 for others.
        y_pred: Distances, such as `keras.ops.norm(a - b, axis=-1)`.
        sample_weight: Optional weights, one a pair.

    Input shape:
        `(batch,)` or any other; both the same, but for a last axis of size 1.

    Output shape:
        A scalar, or with `reduction=None` the input shape.

    Raises:
        ValueError: `margin` is no number of 0 or more.

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
        """Loss of every pair, before weights and reduction."""
        return contrastive_loss(y_true, y_pred, self.margin)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {**super().get_config(), "margin": self.margin, "dtype": self.dtype}
