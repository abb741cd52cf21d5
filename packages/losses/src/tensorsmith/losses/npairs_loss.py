"""The n-pairs loss."""

from tensorsmith.core import export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.losses._support.label_loss import LabelLoss, batch_mean, same_label
from tensorsmith.losses._support.similarity import cross_entropy


@export
def npairs_loss(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """N-pairs loss of a batch: see `NpairsLoss`.

    Args:
        y_true: Labels, `(batch,)` or `(batch, 1)`.
        y_pred: Similarities, `(batch, batch)`; half precision is computed, and returned, in float32.

    Returns:
        A scalar; 0 for an empty batch.

    Raises:
        ValueError: The shapes are none of the above.

    Example:
        >>> round(float(npairs_loss([0, 1], [[2.0, 0.0], [0.0, 2.0]])), 4)  # log(1 + exp(-2))
        0.1269
    """
    return batch_mean(cross_entropy(same_label(y_true), y_pred))


@export
class NpairsLoss(LabelLoss):
    """Makes each sample of one set most similar to those of its label in another, out of a batch of pairs.

    Formula, with similarities s, most often s_ij = a_i . b_j of pairs (a, b), averaged over i:

        loss_i = -mean_j(log(exp(s_ij) / sum_k exp(s_ik)))    over the j with the label of i

    The value depends on how batches are cut: a sample is told from the others of its batch, and the more they are, the
    greater is the loss. Sample weights and masks weigh the rows i.

    Source: Sohn, "Improved Deep Metric Learning with Multi-class N-pair Loss Objective", 2016.

    Args:
        name: Name of the loss.
        reduction: How to make one number of the samples' losses, as for every Keras loss; TensorFlow Addons always
            averages.
        dtype: Precision of the computation; `None` means Keras' default float.

    Call arguments:
        y_true: Labels of any type, compared exactly, however large.
        y_pred: Similarities, such as `keras.ops.matmul(a, keras.ops.transpose(b))`.
        sample_weight: Optional weights, one a row.

    Input shape:
        `(batch,)` or `(batch, 1)`, and `(batch, batch)`.

    Output shape:
        A scalar, or with `reduction=None` `(batch,)`.

    Raises:
        ValueError: The shapes are none of the above.

    Example:
        >>> print(NpairsLoss(reduction=None)([0, 1], [[2.0, 0.0], [1.0, 1.0]]).numpy().round(4))
        [0.1269 0.6931]
    """

    def __init__(
        self, name: str = "npairs_loss", reduction: str | None = "sum_over_batch_size", dtype: DType | None = None
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Loss of every row, before weights and reduction; `y_true` tells which labels are the same."""
        return cross_entropy(y_true, y_pred)
