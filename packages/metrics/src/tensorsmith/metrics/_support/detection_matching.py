"""Matching of detections to ground truth boxes."""

from typing import Any

import tensorflow as tf
from keras import ops

from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.metrics.box_iou import corners, overlaps


@tf.function(autograph=False, reduce_retracing=True)  # eager operations take several times as long
def match(truths: dict[str, Any], found: dict[str, Any], thresholds: TensorLike, box_format: str) -> Tensor:
    """Return the result of each detection: 1 for a true positive, 0 for a false positive, -1 if it is ignored.

    Within an image and class, detections are matched in descending order of their scores, each with the unmatched true
    box of largest overlap, if this reaches the threshold. Unmatched detections within a crowd are ignored.

    Args:
        truths: Dict with the ground truth: "boxes" of shape `(images, m, 4)`, "labels" of shape `(images, m)`, which
            are negative for padding, and the crowd flags "crowds" of shape `(images, m)`.
        found: Dict with the detections in descending order of score: "boxes" of shape `(images, n, 4)` and "labels" of
            shape `(images, n)`, which are negative for padding.
        thresholds: One-dimensional tensor of intersection over union (IoU) thresholds.
        box_format: Box format, as in `box_iou`.

    Returns:
        A tensor of shape `(images, n, thresholds)`.
    """
    # The COCO tool selects the last of several equally good boxes, but argmax the first: reverse their order. The
    # additional box without a class is for images without boxes.
    boxes, labels, crowds = (ops.flip(truths[name], axis=1) for name in ("boxes", "labels", "crowds"))
    boxes = ops.pad(boxes, [[0, 0], [0, 1], [0, 0]])
    labels = ops.pad(labels, [[0, 0], [0, 1]], constant_values=-1)
    crowds = ops.pad(crowds, [[0, 0], [0, 1]], constant_values=False)

    # Pairs of detections and true boxes: (images, n, m).
    pairs = corners("y_pred", found["boxes"], box_format), corners("y_true", boxes, box_format)
    same = ops.logical_and(found["labels"][:, :, None] == labels[:, None], labels[:, None] >= 0)
    crowds = crowds[:, None]
    # -1 marks pairs that cannot match, because it is below all thresholds.
    candidates = ops.where(ops.logical_and(same, ops.logical_not(crowds)), overlaps(*pairs), -1.0)
    # For crowds, the intersection is divided by the area of the detection alone.
    in_crowd = ops.where(ops.logical_and(same, crowds), overlaps(*pairs, "iof"), -1.0)

    # Match the detections, then ignore unmatched ones that lie in a crowd.
    thresholds = ops.convert_to_tensor(thresholds, candidates.dtype)
    hits = _take_turns(candidates, thresholds)
    ignored = ops.logical_and(ops.logical_not(hits), ops.max(in_crowd, axis=-1)[..., None] >= thresholds)
    return ops.cast(hits, "int32") - ops.cast(ignored, "int32")


def _take_turns(overlaps: Tensor, thresholds: Tensor) -> Tensor:
    """Return a mask of matched detections for each threshold, given overlaps `(images, detections, boxes)`."""
    images, count, boxes = ops.shape(overlaps)
    turns, positions = ops.arange(count), ops.arange(boxes)

    # `owners` contains the detection that each true box is matched with, or -1: (images, thresholds, m).
    def turn(number: Tensor, owners: Tensor) -> Tensor:
        # Overlaps of this detection with the unmatched boxes: (images, thresholds, m).
        free = ops.where(owners < 0, overlaps[:, number, None], -1.0)
        hit = ops.max(free, axis=-1, keepdims=True) >= ops.expand_dims(thresholds, -1)
        # `keras.ops.argmax` is several times slower.
        choice = tf.argmax(free, axis=-1, output_type="int32")[..., None] == positions
        return ops.where(ops.logical_and(hit, choice), number, owners)

    owners = ops.fori_loop(0, count, turn, ops.full((images, ops.size(thresholds), boxes), -1, "int32"))
    # A detection is matched if it owns a box: (images, n, thresholds).
    return ops.any(owners[:, None] == turns[:, None, None], axis=-1)
