"""The triplet loss of hardest samples."""

import math
from typing import Any

import tensorflow as tf
from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.losses._support.distances import Metric, distances_to, metric_from, pairwise_distances
from tensorsmith.losses._support.label_loss import batch_mean, check_labels, positives, same_label
from tensorsmith.losses._support.margin import check_margin
from tensorsmith.losses._support.triplet_loss import TripletLoss


@export
def triplet_hard_loss(
    y_true: TensorLike, y_pred: TensorLike, margin: float = 1.0, soft: bool = False, distance_metric: Metric = "L2"
) -> Tensor:
    """Triplet loss of a batch, with each sample's hardest positive and negative: see `TripletHardLoss`.

    Args:
        y_true: Labels, `(batch,)` or `(batch, 1)`.
        y_pred: Embeddings, `(batch, features)`; half precision is computed, and returned, in float32.
        margin: How much farther than the positive the negative shall be, 0 or more.
        soft: Use a smooth function in place of the margin.
        distance_metric: "L2", "squared-L2", "angular", or a function from embeddings to the matrix of distances.

    Returns:
        A scalar; 0 for an empty batch.

    Raises:
        ValueError: `margin` is negative, the distance unknown, or the shapes are none of the above.

    Example:
        >>> float(triplet_hard_loss([0, 0, 1], [[0.0], [1.0], [3.0]]))  # 1 - 3 + 1 < 0; 1 - 2 + 1 = 0; 0 - 2 + 1 < 0
        0.0
        >>> float(triplet_hard_loss([0, 1, 0], [[0.0], [1.0], [3.0]]))  # 3 - 1 + 1; 0 - 1 + 1 = 0; 3 - 2 + 1
        1.6666666269302368
    """
    check_margin(margin)
    return batch_mean(_of_samples(same_label(y_true), y_pred, margin, soft, metric_from(distance_metric)))


@export
class TripletHardLoss(TripletLoss):
    """Makes samples of other labels lie farther away than those of the same, judged by the hardest of a batch.

    Formula, for each sample a as the anchor, averaged over the batch:

        loss_a = max(max_p d(a, p) - min_n d(a, n) + margin, 0)
        loss_a = log(1 + exp(max_p d(a, p) - min_n d(a, n)))    if soft

    over positives p, of the same label, and negatives n, of other labels. As in TensorFlow Addons, an anchor without
    positives has 0 for the greatest of their distances, and one without negatives the distance of the farthest sample
    for the least of theirs: a batch of one label gives the margin, with a gradient of 0.

    The value depends on how batches are cut: a sample's partners are those of its batch, and in larger ones they are
    harder. Sample weights and masks weigh anchors, not partners.

    Source: Hermans, Beyer and Leibe, "In Defense of the Triplet Loss for Person Re-Identification", 2017.

    Args:
        margin: How much farther than the positive the negative shall be, 0 or more.
        soft: Use the second formula, which has no margin.
        {{arguments}}

    {{call}}

    Output shape:
        A scalar, or with `reduction=None` `(batch,)`.

    Raises:
        ValueError: `margin` is no number of 0 or more, the distance is unknown, or the shapes are none of the above.

    Example:
        >>> print(TripletHardLoss(reduction=None)([0, 1, 0], [[0.0], [1.0], [3.0]]).numpy())
        [3. 0. 2.]
    """

    def __init__(
        self,
        margin: float = 1.0,
        soft: bool = False,
        distance_metric: Metric = "L2",
        name: str = "triplet_hard_loss",
        reduction: str | None = "sum_over_batch_size",
        dtype: DType | None = None,
    ):
        super().__init__(margin, distance_metric, name, reduction, dtype)
        self.soft = soft

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Loss of every anchor, before weights and reduction; `y_true` tells which labels are the same."""
        return _of_samples(ops.cast(y_true, "bool"), y_pred, self.margin, self.soft, self.distance_metric)

    def get_config(self) -> dict[str, Any]:
        """Return all arguments."""
        return {**super().get_config(), "soft": self.soft}


def _of_samples(same: Tensor, y_pred: Tensor, margin: float, soft: bool, metric: Metric) -> Tensor:
    distances = ops.stop_gradient(pairwise_distances(y_pred, metric))
    check_labels(same, distances)
    farthest = ops.max(distances, axis=1, keepdims=True, initial=-math.inf)
    nearest = ops.min(distances, axis=1, keepdims=True, initial=math.inf)
    # What may not be chosen counts as if mirrored at the end: it comes last, and the one at the end first among it.
    positive = _place_of_max(ops.where(positives(same), distances, 2 * nearest - distances))
    negative = _place_of_max(ops.where(same, distances - 2 * farthest, -distances))
    gap = distances_to(positive, y_pred, metric) - distances_to(negative, y_pred, metric)
    return ops.softplus(gap) if soft else ops.maximum(gap + margin, 0)


def _place_of_max(rows: Tensor) -> Tensor:
    # One more column, since an empty batch's rows have none. Keras' argmax takes several times as long.
    return tf.argmax(ops.pad(rows, ((0, 0), (0, 1)), constant_values=-math.inf), axis=1, output_type="int32")
