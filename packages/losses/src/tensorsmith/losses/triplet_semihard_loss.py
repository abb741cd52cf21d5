"""The triplet loss of semi-hard negatives."""

import math

import tensorflow as tf
from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.losses._support.distances import Metric, metric_from, pairwise_distances
from tensorsmith.losses._support.label_loss import batch_mean, check_labels, pair_mean, positives, same_label
from tensorsmith.losses._support.margin import check_margin
from tensorsmith.losses._support.triplet_loss import TripletLoss


@export
def triplet_semihard_loss(
    y_true: TensorLike, y_pred: TensorLike, margin: float = 1.0, distance_metric: Metric = "L2"
) -> Tensor:
    """Triplet loss of a batch, over all pairs of one label, with semi-hard negatives: see `TripletSemiHardLoss`.

    Args:
        y_true: Labels, `(batch,)` or `(batch, 1)`.
        y_pred: Embeddings, `(batch, features)`; half precision is computed, and returned, in float32.
        margin: How much farther than the positive the negative shall be, 0 or more.
        distance_metric: "L2", "squared-L2", "angular", or a function from embeddings to the matrix of distances.

    Returns:
        A scalar; 0 if no two labels are the same.

    Raises:
        ValueError: `margin` is negative, the distance unknown, or the shapes are none of the above.

    Example:
        >>> float(triplet_semihard_loss([0, 1, 0, 1], [[0.0], [1.0], [3.0], [3.5]]))  # 0.5, 1.5, 2 and 0
        1.0
    """
    check_margin(margin)
    return batch_mean(_of_samples(same_label(y_true), y_pred, margin, metric_from(distance_metric)))


@export
class TripletSemiHardLoss(TripletLoss):
    """Makes samples of other labels lie farther away than those of the same, judged by the next negative after each.

    Formula, averaged over all pairs of an anchor a and a positive p, another sample of its label:

        loss_ap = max(d(a, p) - d(a, n) + margin, 0)

    where n is the nearest of the samples of other labels that are farther from a than p is, or, if none is, the
    farthest of them. Where there are no other labels at all, the distance of the nearest sample, which is a itself,
    stands for d(a, n), as in TensorFlow Addons. Unlike there, where it is NaN, a batch without pairs gives 0.

    Each row of distances is sorted once: memory grows with the square of the batch, not with its cube as in Addons.

    The value depends on how batches are cut: a sample's partners are those of its batch. Sample weights and masks weigh
    anchors, not partners.

    Source: Schroff, Kalenichenko and Philbin, "FaceNet", 2015.

    Args:
        margin: How much farther than the positive the negative shall be, 0 or more.
        {{arguments}}

    {{call}}

    Output shape:
        A scalar, or with `reduction=None` `(batch,)`: sums over the anchor's pairs, times batch / number of all pairs.

    Raises:
        ValueError: `margin` is no number of 0 or more, the distance is unknown, or the shapes are none of the above.

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
        """Loss of every anchor, before weights and reduction; `y_true` tells which labels are the same."""
        return _of_samples(ops.cast(y_true, "bool"), y_pred, self.margin, self.distance_metric)


def _of_samples(same: Tensor, y_pred: Tensor, margin: float, metric: Metric) -> Tensor:
    distances = pairwise_distances(y_pred, metric)
    check_labels(same, distances)
    nearest = ops.min(distances, axis=1, keepdims=True, initial=math.inf)
    # Places only: the gradient of a sort fails for the rows of an empty batch.
    others = ops.stop_gradient(ops.where(same, math.inf, distances))
    order = ops.argsort(others, axis=1)
    count = ops.sum(ops.cast(ops.logical_not(same), "int32"), axis=1, keepdims=True)
    # The first that is farther; the last, and so the farthest, if there is none. Keras' searches single rows only.
    farther = tf.searchsorted(ops.take_along_axis(others, order, axis=1), distances, side="right")
    place = ops.take_along_axis(order, ops.minimum(farther, ops.maximum(count - 1, 0)), axis=1)
    negative = ops.where(count > 0, ops.take_along_axis(distances, place, axis=1), nearest)
    return pair_mean(ops.maximum(distances - negative + margin, 0), positives(same))
