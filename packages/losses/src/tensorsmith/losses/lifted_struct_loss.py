"""Lifted structured loss for metric learning."""

import math
from typing import Any

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.losses._support.distances import distance_matrix
from tensorsmith.losses._support.label_loss import LabelLoss, batch_mean, check_labels, pair_mean, positives, same_label
from tensorsmith.losses._support.margin import check_margin


@export
def lifted_struct_loss(labels: TensorLike, embeddings: TensorLike, margin: float = 1.0) -> Tensor:
    """Return the lifted structured loss of a batch; see `LiftedStructLoss`.

    Args:
        labels: Tensor of labels, of shape `(batch,)` or `(batch, 1)`.
        embeddings: Tensor of embeddings, of shape `(batch, features)`. For half-precision inputs, the computation uses
            `float32`, which is also the dtype of the result.
        margin: Distance above which samples with different labels contribute little to the loss, `>= 0`.

    Returns:
        A scalar, which is 0 if no two labels are equal or all labels are equal.

    Raises:
        ValueError: If `margin` is negative, or a shape is not one of those above.

    Example:
        >>> value = lifted_struct_loss([0, 0, 1], [[0.0], [1.0], [3.0]])
        >>> round(float(value), 4)  # (1 + log(exp(1 - 3) + exp(1 - 2)))**2 / 2
        0.0491
    """
    check_margin(margin)
    return batch_mean(_of_samples(same_label(labels), embeddings, margin))


@export
class LiftedStructLoss(LabelLoss):
    """Lifted structured loss for metric learning: compares each similar pair with all samples of other labels.

    It decreases the distance of each pair with the same label and increases the distances of both samples to all
    samples of other labels in the batch, which are combined by a smooth maximum.

    Formula, averaged over all pairs i, j with the same label, where n runs over the samples of other labels:

        loss_ij = max(d(i, j) + log(sum_n exp(margin - d(i, n)) + sum_n exp(margin - d(j, n))), 0)^2 / 2

    and d is the Euclidean distance. A batch without pairs, or with a single label, gives 0, where TensorFlow Addons
    returns NaN.

    The loss depends on how the data are split into batches, because a sample is only compared with samples of its
    batch. Sample weights and masks apply to samples as the first of a pair, not to the samples they are compared with.

    Source: Oh Song et al., "Deep Metric Learning via Lifted Structured Feature Embedding", 2016.

    Args:
        margin: Distance above which samples with different labels contribute little to the loss, `>= 0`.
        name: Name of the loss instance.
        reduction: Type of reduction to apply to the loss. Supported options are those of `keras.losses.Loss`.
            TensorFlow Addons ignores the argument and always averages.
        dtype: Data type of the computation. If `None`, `keras.config.floatx()` is used.

    Call arguments:
        y_true: Tensor of labels, of any dtype. They are compared exactly, without a cast.
        y_pred: Tensor of embeddings, not normalized to unit length.
        sample_weight: Optional weights, one per sample.

    Input shape:
        `y_true`: `(batch,)` or `(batch, 1)`. `y_pred`: `(batch, features)`.

    Output shape:
        A scalar, or `(batch,)` if `reduction` is `None`: the sums over the pairs of each sample, multiplied by the
        batch size and divided by the total number of pairs.

    Raises:
        ValueError: If `margin` is not a number `>= 0`, or a shape is not one of those above.

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
        """Return the loss of each sample, before weighting and reduction. `y_true` is the label equality matrix."""
        return _of_samples(ops.cast(y_true, "bool"), y_pred, self.margin)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the loss."""
        return {**super().get_config(), "margin": self.margin}


def _of_samples(same: Tensor, embeddings: Tensor, margin: float) -> Tensor:
    distances = distance_matrix(embeddings)
    check_labels(same, distances)
    # Samples with at least one sample of another label in the batch: (batch, 1).
    crowded = ops.logical_not(ops.all(same, axis=1, keepdims=True))
    # The log-sum-exp over an empty set is -inf, whose gradient is NaN: rows without samples of other labels get finite
    # values, and are excluded from the loss below.
    others = ops.where(same, ops.where(crowded, -math.inf, 0.0), margin - distances)
    # log sum_n exp(margin - d(i, n)) of each sample: (batch, 1).
    weight = ops.logsumexp(others, axis=1, keepdims=True)
    # The root of 2 loss_ij in the docstring, for all pairs at once: (batch, batch).
    losses = ops.maximum(distances + ops.logaddexp(weight, ops.transpose(weight)), 0)
    return pair_mean(ops.where(crowded, ops.square(losses) / 2, 0), positives(same))
