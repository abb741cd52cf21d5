"""Triplet loss with semi-hard negative mining."""

import math

import tensorflow as tf
from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.losses._support.distances import Metric, distance_matrix, metric_from
from tensorsmith.losses._support.label_loss import batch_mean, check_labels, pair_mean, positives, same_label
from tensorsmith.losses._support.margin import check_margin
from tensorsmith.losses._support.triplet_loss import TripletLoss


@export
def triplet_semihard_loss(
    y_true: TensorLike, y_pred: TensorLike, margin: float = 1.0, distance_metric: Metric = "L2"
) -> Tensor:
    """Return the triplet loss of a batch with semi-hard negative mining; see `TripletSemiHardLoss`.

    Args:
        y_true: Tensor of labels, of shape `(batch,)` or `(batch, 1)`.
        y_pred: Tensor of embeddings, of shape `(batch, features)`. For half-precision inputs, the computation uses
            `float32`, which is also the dtype of the result.
        margin: Minimum difference between the distances to the negative and the positive sample, `>= 0`.
        distance_metric: Distance metric: `"L2"`, `"squared-L2"`, `"angular"`, or a function that maps embeddings to the
            distance matrix.

    Returns:
        A scalar, which is 0 if no two labels are equal.

    Raises:
        ValueError: If `margin` is negative, the distance metric is unknown, or a shape is not one of those above.

    Example:
        >>> float(triplet_semihard_loss([0, 1, 0, 1], [[0.0], [1.0], [3.0], [3.5]]))  # 0.5, 1.5, 2 and 0
        1.0
    """
    check_margin(margin)
    return batch_mean(_of_samples(same_label(y_true), y_pred, margin, metric_from(distance_metric)))


@export
class TripletSemiHardLoss(TripletLoss):
    """Triplet loss with semi-hard mining: compares each positive with the nearest negative that is farther away.

    For each anchor and positive, the negative is the nearest sample of another label that is farther away than the
    positive.

    Formula, averaged over all pairs of an anchor a and a positive p, which is another sample with the same label:

        loss_ap = max(d(a, p) - d(a, n) + margin, 0)

    The negative n is the nearest sample of another label that is farther from a than p. If there is none, n is the
    farthest sample of another label. If all labels are equal, d(a, n) is the distance to the nearest sample, which is
    a itself, as in TensorFlow Addons. A batch without pairs gives 0, where TensorFlow Addons returns NaN.

    Each row of the distance matrix is sorted once, so memory grows with the square of the batch size, and not with its
    cube as in TensorFlow Addons.

    The loss depends on how the data are split into batches, because a sample is only compared with samples of its
    batch. Sample weights and masks apply to anchors, not to the samples they are compared with.

    Source: Schroff, Kalenichenko and Philbin, "FaceNet", 2015.

    Args:
        margin: Minimum difference between the distances to the negative and the positive sample, `>= 0`.
        {{arguments}}

    {{call}}

    Output shape:
        A scalar, or `(batch,)` if `reduction` is `None`: the sums over the pairs of each anchor, multiplied by the
        batch size and divided by the total number of pairs.

    Raises:
        ValueError: If `margin` is not a number `>= 0`, the distance metric is unknown, or a shape is not one of those
            above.

    Example:
        >>> print(TripletSemiHardLoss(reduction=None)([0, 1, 0, 1], [[0.0], [1.0], [3.0], [3.5]]).numpy())
        [0.5 1.5 2.  0. ]
    """

    def __init__(
        self,
        margin: float = 1.0,
        distance_metric: Metric = "L2",
        name: str = "triplet_semihard_loss",
        reduction: str | None = "sum_over_batch_size",
        dtype: DType | None = None,
    ):
        super().__init__(margin, distance_metric, name, reduction, dtype)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each anchor, before weighting and reduction. `y_true` is the label equality matrix."""
        return _of_samples(ops.cast(y_true, "bool"), y_pred, self.margin, self.distance_metric)


def _of_samples(same: Tensor, y_pred: Tensor, margin: float, metric: Metric) -> Tensor:
    distances = distance_matrix(y_pred, metric)
    check_labels(same, distances)
    nearest = ops.min(distances, axis=1, keepdims=True, initial=math.inf)
    # Indices only, without a gradient: the gradient of a sort fails for an empty batch.
    others = ops.stop_gradient(ops.where(same, math.inf, distances))
    # Negatives in ascending order of distance, followed by the samples with the label of the anchor.
    order = ops.argsort(others, axis=1)
    count = ops.sum(ops.cast(ops.logical_not(same), "int32"), axis=1, keepdims=True)  # (batch, 1)
    # Select the first negative that is farther than the positive, or the last (farthest) one if there is none.
    # `keras.ops.searchsorted` supports only one-dimensional sequences.
    farther = tf.searchsorted(ops.take_along_axis(others, order, axis=1), distances, side="right")
    position = ops.take_along_axis(order, ops.minimum(farther, ops.maximum(count - 1, 0)), axis=1)
    # For each anchor and positive, the distance of the selected negative: (batch, batch).
    negative = ops.where(count > 0, ops.take_along_axis(distances, position, axis=1), nearest)
    return pair_mean(ops.maximum(distances - negative + margin, 0), positives(same))
