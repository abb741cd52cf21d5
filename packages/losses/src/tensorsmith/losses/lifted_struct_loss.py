"""The lifted structure loss."""

import math
from typing import Any

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.losses._support.distances import pairwise_distances
from tensorsmith.losses._support.label_loss import LabelLoss, batch_mean, check_labels, pair_mean, positives, same_label
from tensorsmith.losses._support.margin import check_margin


@export
def lifted_struct_loss(labels: TensorLike, embeddings: TensorLike, margin: float = 1.0) -> Tensor:
    """Lifted structure loss of a batch: see `LiftedStructLoss`.

    Args:
        labels: Labels, `(batch,)` or `(batch, 1)`.
        embeddings: Embeddings, `(batch, features)`; half precision is computed, and returned, in float32.
        margin: How far away samples of other labels shall be, 0 or more.

    Returns:
        A scalar; 0 if no two labels are the same, or all are.

    Raises:
        ValueError: `margin` is negative, or the shapes are none of the above.

    Example:
        >>> value = lifted_struct_loss([0, 0, 1], [[0.0], [1.0], [3.0]])
        >>> round(float(value), 4)  # (1 + log(exp(1 - 3) + exp(1 - 2)))**2 / 2
        0.0491
    """
    check_margin(margin)
    return batch_mean(_of_samples(same_label(labels), embeddings, margin))


@export
class LiftedStructLoss(LabelLoss):
    """Draws each pair of one label together and away from all others of the batch, which a smooth maximum weighs.

    Formula, averaged over all pairs i, j of one label, with n over the samples of other labels:

        loss_ij = max(d(i, j) + log(sum_n exp(margin - d(i, n)) + sum_n exp(margin - d(j, n))), 0)^2 / 2

    with d the Euclidean distance. A batch without pairs, or of one label only, gives 0, where
    TensorFlow Addons' is NaN.

    The value depends on how batches are cut: a sample's partners are those of its batch. Sample weights and masks weigh
    samples as the first of a pair, not as partners.

    Source: Oh Song et al., "Deep Metric Learning via Lifted Structured Feature Embedding", 2016.

    Args:
        margin: How far away samples of other labels shall be, 0 or more.
        name: Name of the loss.
        reduction: How to make one number of the samples' losses, as for every Keras loss; TensorFlow Addons, which
            ignores it, always averages.
        dtype: Precision of the computation; `None` means Keras' default float.

    Call arguments:
        y_true: Labels of any type, compared exactly, however large.
        y_pred: Embeddings, not of length 1.
        sample_weight: Optional weights, one a sample.

    Input shape:
        `(batch,)` or `(batch, 1)`, and `(batch, features)`.

    Output shape:
        A scalar, or with `reduction=None` `(batch,)`: sums over the sample's pairs, times batch / number of all pairs.

    Raises:
        ValueError: `margin` is no number of 0 or more, or the shapes are none of the above.

    Example:
        >>> loss = LiftedStructLoss(margin=1.0)
        >>> round(float(loss([0, 0, 1], [[0.0], [1.0], [3.0]])), 4)
        0.0491
    """

    def __init__(
        self,
        margin: float = 1.0,
        name: str = "lifted_struct_loss",
        reduction: str | None = "sum_over_batch_size",
        dtype: DType | None = None,
    ):
        check_margin(margin)
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.margin = margin

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Loss of every sample, before weights and reduction; `y_true` tells which labels are the same."""
        return _of_samples(ops.cast(y_true, "bool"), y_pred, self.margin)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {**super().get_config(), "margin": self.margin}


def _of_samples(same: Tensor, embeddings: Tensor, margin: float) -> Tensor:
    distances = pairwise_distances(embeddings)
    check_labels(same, distances)
    crowded = ops.logical_not(ops.all(same, axis=1, keepdims=True))
    # A sum of nothing has no logarithm: samples without others get any, and no part in the loss.
    others = ops.where(same, ops.where(crowded, -math.inf, 0.0), margin - distances)
    weight = ops.logsumexp(others, axis=1, keepdims=True)
    losses = ops.maximum(distances + ops.logaddexp(weight, ops.transpose(weight)), 0)
    return pair_mean(ops.where(crowded, ops.square(losses) / 2, 0), positives(same))
