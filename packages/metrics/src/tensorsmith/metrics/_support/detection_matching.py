"""Which detections in images are right."""

from typing import Any

import tensorflow as tf
from keras import ops

from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.metrics.box_iou import corners, intersections


@tf.function(autograph=False, reduce_retracing=True)  # one by one the operations would take several times as long
def match(truths: dict[str, Any], found: dict[str, Any], thresholds: TensorLike, box_format: str) -> Tensor:
    """What becomes of each detection: 1 if it finds a true box, 0 if it does not, -1 if it does not count.

    Within an image and class, detections take turns in the order of their scores, and each takes the free true box that
    it overlaps most, if enough. What finds none, but lies in a crowd, does not count.

    Args:
        truths: "boxes" `(images, m, 4)`, "labels" `(images, m)`, below 0 where there is none, and "crowds" like them.
        found: "boxes" `(images, n, 4)`, "labels" `(images, n)`, below 0 where there is none; best scores first.
        thresholds: Intersection over union from which on a box is found, `(thresholds,)`.
        box_format: A format of `box_iou`.

    Returns:
        Tensor `(images, n, thresholds)`.
    """
    # Of boxes equally good the last is taken, as COCO's own tool does, and argmax finds the first; one more box, of no
    # class, is there where there are none.
    boxes, labels, crowds = (ops.flip(truths[name], axis=1) for name in ("boxes", "labels", "crowds"))
    boxes = ops.pad(boxes, [[0, 0], [0, 1], [0, 0]])
    labels = ops.pad(labels, [[0, 0], [0, 1]], constant_values=-1)
    crowds = ops.pad(crowds, [[0, 0], [0, 1]], constant_values=False)

    common, area, true_area = intersections(corners(found["boxes"], box_format), corners(boxes, box_format))
    iou = ops.divide_no_nan(common, area + true_area - common)
    same = ops.logical_and(found["labels"][:, :, None] == labels[:, None], labels[:, None] >= 0)
    crowds = crowds[:, None]
    overlaps = ops.where(ops.logical_and(same, ops.logical_not(crowds)), iou, -1.0)
    in_crowd = ops.where(ops.logical_and(same, crowds), ops.divide_no_nan(common, area), -1.0)

    thresholds = ops.convert_to_tensor(thresholds, overlaps.dtype)
    hits = _take_turns(overlaps, thresholds)
    ignored = ops.logical_and(ops.logical_not(hits), ops.max(in_crowd, axis=-1)[..., None] >= thresholds)
    return ops.cast(hits, "int32") - ops.cast(ignored, "int32")


def _take_turns(overlaps: Tensor, thresholds: Tensor) -> Tensor:
    """Whether each detection gets a box, from overlaps `(images, n, m)`, for all thresholds at once."""
    images, count, boxes = ops.shape(overlaps)
    turns, places = ops.arange(count), ops.arange(boxes)

    def turn(number: Tensor, owners: Tensor) -> Tensor:
        free = ops.where(owners < 0, overlaps[:, number, None], -1.0)
        hit = ops.max(free, axis=-1, keepdims=True) >= ops.expand_dims(thresholds, -1)
        # Keras' argmax takes several times as long.
        choice = tf.argmax(free, axis=-1, output_type="int32")[..., None] == places
        return ops.where(ops.logical_and(hit, choice), number, owners)

    owners = ops.fori_loop(0, count, turn, ops.full((images, ops.size(thresholds), boxes), -1, "int32"))
    return ops.any(owners[:, None] == turns[:, None, None], axis=-1)
