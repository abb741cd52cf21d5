"""Triplet loss with hard positive and negative mining."""

import math
from typing import Any

import tensorflow as tf
from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.losses._support.distances import Metric, distance_matrix, distances_to, metric_from
from tensorsmith.losses._support.label_loss import batch_mean, check_labels, positives, same_label
from tensorsmith.losses._support.margin import check_margin
from tensorsmith.losses._support.triplet_loss import TripletLoss


@export
def triplet_hard_loss(
    y_true: TensorLike, y_pred: TensorLike, margin: float = 1.0, soft: bool = False, distance_metric: Metric = "L2"
) -> Tensor:
    """Return the triplet loss of a batch with hard positive and negative mining; see `TripletHardLoss`.

    Args:
        y_true: Tensor of labels, of shape `(batch,)` or `(batch, 1)`.
        y_pred: Tensor of embeddings, of shape `(batch, features)`. For half-precision inputs, the computation uses
            `float32`, which is also the dtype of the result.
        margin: Minimum difference between the distances to the negative and the positive sample, `>= 0`.
        soft: If `True`, use the soft margin, a smooth function that does not depend on `margin`.
        distance_metric: Distance metric: `"L2"`, `"squared-L2"`, `"angular"`, or a function that maps embeddings to the
            distance matrix.

    Returns:
        A scalar, which is 0 for an empty batch.

    Raises:
        ValueError: If `margin` is negative, the distance metric is unknown, or a shape is not one of those above.

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
    """Triplet loss with hard mining: compares the farthest positive of each sample with its nearest negative.

    For each anchor of a batch, it uses the farthest sample with the same label and the nearest sample with another
    label.

    Formula, for each sample a as the anchor, averaged over the batch:

        loss_a = max(max_p d(a, p) - min_n d(a, n) + margin, 0)
        loss_a = log(1 + exp(max_p d(a, p) - min_n d(a, n)))    if soft

    The positives p have the same label as the anchor, the negatives n other labels. As in TensorFlow Addons, the
    maximum over an empty set of positives is 0, and the minimum over an empty set of negatives is the distance of the
    farthest sample: a batch with a single label gives the margin, with a gradient of 0.

    The loss depends on how the data are split into batches, because a sample is only compared with samples of its
    batch; larger batches contain harder samples. Sample weights and masks apply to anchors, not to the samples they are
    compared with.

    Source: Hermans, Beyer and Leibe, "In Defense of the Triplet Loss for Person Re-Identification", 2017.

    Args:
        margin: Minimum difference between the distances to the negative and the positive sample, `>= 0`.
        soft: If `True`, use the soft margin formula, which does not depend on `margin`.
        {{arguments}}

    {{call}}

    Output shape:
        A scalar, or `(batch,)` if `reduction` is `None`.

    Raises:
        ValueError: If `margin` is not a number `>= 0`, the distance metric is unknown, or a shape is not one of those
            above.

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
        """Return the loss of each anchor, before weighting and reduction. `y_true` is the label equality matrix."""
        return _of_samples(ops.cast(y_true, "bool"), y_pred, self.margin, self.soft, self.distance_metric)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the loss."""
        return {**super().get_config(), "soft": self.soft}


def _of_samples(same: Tensor, y_pred: Tensor, margin: float, soft: bool, metric: Metric) -> Tensor:
    # The full matrix, (batch, batch), is only used to select samples.
    distances = ops.stop_gradient(distance_matrix(y_pred, metric))
    check_labels(same, distances)
    # Without `initial`, Keras raises an error for an empty batch.
    farthest = ops.max(distances, axis=1, keepdims=True, initial=-math.inf)
    nearest = ops.min(distances, axis=1, keepdims=True, initial=math.inf)
    # Candidates that are not allowed are reflected at the end of the range of distances. They rank after all allowed
    # ones, and among themselves in reverse order.
    positive = _place_of_max(ops.where(positives(same), distances, 2 * nearest - distances))
    negative = _place_of_max(ops.where(same, distances - 2 * farthest, -distances))
    # Only the selected distances are differentiated.
    gap = distances_to(positive, y_pred, metric) - distances_to(negative, y_pred, metric)
    return ops.softplus(gap) if soft else ops.maximum(gap + margin, 0)


def _place_of_max(rows: Tensor) -> Tensor:
    # The additional column is for an empty batch, whose rows are empty. `keras.ops.argmax` is several times slower.
    return tf.argmax(ops.pad(rows, ((0, 0), (0, 1)), constant_values=-math.inf), axis=1, output_type="int32")
