"""The n-pairs loss of samples with several labels."""

from typing import Any

from keras import ops

from tensorsmith.core import check, export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.losses._support.addons_loss import AddonsLoss
from tensorsmith.losses._support.label_loss import batch_mean
from tensorsmith.losses._support.precision import precise
from tensorsmith.losses._support.similarity import cross_entropy


@export
def npairs_multilabel_loss(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """N-pairs loss of a batch of samples with several labels: see `NpairsMultilabelLoss`.

    Args:
        y_true: Labels, `(batch, classes)`, 1 for those that a sample has; may be a `tf.SparseTensor`.
        y_pred: Similarities, `(batch, batch)`; half precision is computed, and returned, in float32.

    Returns:
        A scalar; 0 for an empty batch.

    Raises:
        ValueError: The shapes are none of the above.

    Example:
        >>> round(float(npairs_multilabel_loss([[1, 0], [1, 1]], [[2.0, 0.0], [0.0, 2.0]])), 4)
        0.9603
    """
    return batch_mean(_of_samples(y_true, y_pred))


@export
class NpairsMultilabelLoss(AddonsLoss):
    """Makes each sample of one set most similar to those in another with which it shares most labels.

    Formula, with similarities s, most often s_ij = a_i . b_j of pairs (a, b), and L the set of a sample's labels,
    averaged over i:

        loss_i = -sum_j w_ij log(exp(s_ij) / sum_k exp(s_ik))    w_ij = |L_i ∩ L_j| / sum_k |L_i ∩ L_k|

    A sample without labels has a loss of 0, where TensorFlow Addons' is NaN.

    The value depends on how batches are cut: a sample is told from the others of its batch, and the more they are, the
    greater is the loss. Sample weights and masks weigh the rows i.

    Source: Sohn, "Improved Deep Metric Learning with Multi-class N-pair Loss Objective", 2016, for one label a sample.

    Args:
        name: Name of the loss.
        reduction: How to make one number of the samples' losses, as for every Keras loss; TensorFlow Addons always
            averages.
        dtype: Precision of the computation; `None` means Keras' default float.

    Call arguments:
        y_true: Labels, 1 for those that a sample has, 0 for others; may be a `tf.SparseTensor`.
        y_pred: Similarities, such as `keras.ops.matmul(a, keras.ops.transpose(b))`.
        sample_weight: Optional weights, one a row.

    Input shape:
        `(batch, classes)`, and `(batch, batch)`.

    Output shape:
        A scalar, or with `reduction=None` `(batch,)`.

    Raises:
        ValueError: The shapes are none of the above.

    Example:
        >>> loss = NpairsMultilabelLoss(reduction=None)
        >>> print(loss([[1, 0], [1, 1]], [[2.0, 0.0], [0.0, 2.0]]).numpy().round(4))
        [1.1269 0.7936]
    """

    always_averaged = True

    def __init__(
        self,
        name: str = "npairs_multilabel_loss",
        reduction: str | None = "sum_over_batch_size",
        dtype: DType | None = None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Loss of every row, before weights and reduction."""
        return _of_samples(y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {**super().get_config(), "dtype": self.dtype}


def _of_samples(y_true: Tensor, y_pred: Tensor) -> Tensor:
    labels, _ = precise(ops.convert_to_tensor(y_true, sparse=False), y_pred)
    check(len(labels.shape) == 2, "y_true", tuple(labels.shape), "labels, (batch, classes)", "encode them one-hot")
    return cross_entropy(ops.matmul(labels, ops.transpose(labels)), y_pred)
