"""N-pairs loss for metric learning."""

from tensorsmith.core import export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.losses._support.label_loss import LabelLoss, batch_mean, same_label
from tensorsmith.losses._support.similarity import cross_entropy


@export
def npairs_loss(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Return the n-pairs loss of a batch; see `NpairsLoss`.

    Args:
        y_true: Tensor of labels, of shape `(batch,)` or `(batch, 1)`.
        y_pred: Tensor of similarities, of shape `(batch, batch)`. For half-precision inputs, the computation uses
            `float32`, which is also the dtype of the result.

    Returns:
        A scalar, which is 0 for an empty batch.

    Raises:
        ValueError: If a shape is not one of those above.

    Example:
        >>> round(float(npairs_loss([0, 1], [[2.0, 0.0], [0.0, 2.0]])), 4)  # log(1 + exp(-2))
        0.1269
    """
    return batch_mean(cross_entropy(same_label(y_true), y_pred))


@export
class NpairsLoss(LabelLoss):
    """N-pairs loss for metric learning: cross-entropy of similarities, with samples of equal label as targets.

    Each sample of the first set should be most similar to the samples with its label in the second set.

    Formula, with similarities s, usually s_ij = a_i . b_j for pairs (a, b), averaged over i:

        loss_i = -mean_j(log(exp(s_ij) / sum_k exp(s_ik)))    over all j with the label of i

    The loss depends on how the data are split into batches: each sample is compared with the other samples of its
    batch, and the loss increases with their number. Sample weights and masks apply to the rows i.

    Source: Sohn, "Improved Deep Metric Learning with Multi-class N-pair Loss Objective", 2016.

    Args:
        name: Name of the loss instance.
        reduction: Type of reduction to apply to the loss. Supported options are those of `keras.losses.Loss`.
            TensorFlow Addons ignores the argument and always averages.
        dtype: Data type of the computation. If `None`, `keras.config.floatx()` is used.

    Call arguments:
        y_true: Tensor of labels, of any dtype. They are compared exactly, without a cast.
        y_pred: Tensor of similarities, such as `keras.ops.matmul(a, keras.ops.transpose(b))`.
        sample_weight: Optional weights, one per row.

    Input shape:
        `y_true`: `(batch,)` or `(batch, 1)`. `y_pred`: `(batch, batch)`.

    Output shape:
        A scalar, or `(batch,)` if `reduction` is `None`.

    Raises:
        ValueError: If a shape is not one of those above.

    Example:
        >>> print(NpairsLoss(reduction=None)([0, 1], [[2.0, 0.0], [1.0, 1.0]]).numpy().round(4))
        [0.1269 0.6931]
    """

    def __init__(
        self, name: str = "npairs_loss", reduction: str | None = "sum_over_batch_size", dtype: DType | None = None
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each row, before weighting and reduction. `y_true` is the label equality matrix."""
        return cross_entropy(y_true, y_pred)
