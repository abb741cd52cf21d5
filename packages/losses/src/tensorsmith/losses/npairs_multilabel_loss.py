"""N-pairs loss for metric learning with multi-label samples."""

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
    """Return the n-pairs loss of a batch of multi-label samples; see `NpairsMultilabelLoss`.

    Args:
        y_true: Multi-hot labels of shape `(batch, classes)`, as a dense tensor or a `tf.SparseTensor`.
        y_pred: Tensor of similarities, of shape `(batch, batch)`. For half-precision inputs, the computation uses
            `float32`, which is also the dtype of the result.

    Returns:
        A scalar, which is 0 for an empty batch.

    Raises:
        ValueError: If a shape is not one of those above.

    Example:
        >>> round(float(npairs_multilabel_loss([[1, 0], [1, 1]], [[2.0, 0.0], [0.0, 2.0]])), 4)
        0.9603
    """
    return batch_mean(_of_samples(y_true, y_pred))


@export
class NpairsMultilabelLoss(AddonsLoss):
    """N-pairs loss for metric learning with multi-label samples.

    Each sample of the first set should be most similar to the samples of the second set with which it has the most
    labels in common.

    Formula, with similarities s, usually s_ij = a_i . b_j for pairs (a, b), and the label set L of a sample, averaged
    over i:

        loss_i = -sum_j w_ij log(exp(s_ij) / sum_k exp(s_ik))    w_ij = |L_i ∩ L_j| / sum_k |L_i ∩ L_k|

    A sample without labels has a loss of 0, where TensorFlow Addons returns NaN.

    The loss depends on how the data are split into batches: each sample is compared with the other samples of its
    batch, and the loss increases with their number. Sample weights and masks apply to the rows i.

    Source: Sohn, "Improved Deep Metric Learning with Multi-class N-pair Loss Objective", 2016, for one label per
    sample.

    Args:
        name: Name of the loss instance.
        reduction: Type of reduction to apply to the loss. Supported options are those of `keras.losses.Loss`.
            TensorFlow Addons ignores the argument and always averages.
        dtype: Data type of the computation. If `None`, `keras.config.floatx()` is used.

    Call arguments:
        y_true: Multi-hot labels. May be a `tf.SparseTensor`.
        y_pred: Tensor of similarities, such as `keras.ops.matmul(a, keras.ops.transpose(b))`.
        sample_weight: Optional weights, one per row.

    Input shape:
        `y_true`: `(batch, classes)`. `y_pred`: `(batch, batch)`.

    Output shape:
        A scalar, or `(batch,)` if `reduction` is `None`.

    Raises:
        ValueError: If a shape is not one of those above.

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
        """Return the loss of each row, before weighting and reduction."""
        return _of_samples(y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the loss."""
        return {**super().get_config(), "dtype": self.dtype}


def _of_samples(y_true: Tensor, y_pred: Tensor) -> Tensor:
    labels, _ = precise(ops.convert_to_tensor(y_true, sparse=False), y_pred)
    check(
        len(labels.shape) == 2,
        "y_true",
        tuple(labels.shape),
        "have shape (batch, classes)",
        "encode the labels as multi-hot vectors",
    )
    # The product counts the labels that two samples share, |L_i ∩ L_j|: (batch, batch).
    return cross_entropy(ops.matmul(labels, ops.transpose(labels)), y_pred)
