"""Op that selects boxes by non-maximum suppression."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tensorsmith.core import Verbatim, argument_error, check, is_integer, is_number
from tensorsmith.core.types import TensorLike
from tensorsmith.ops.arguments import require_shape
from tensorsmith.ops.box_iou import box_iou
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.library import library


class Selection(NamedTuple):
    """Boxes that are selected by non-maximum suppression, in the order of their scores.

    Attributes:
        indices: int32 tensor of shape `(selected,)` with the indices of the boxes.
        scores: float32 tensor of shape `(selected,)` with the scores, which soft suppression lowers.
    """

    indices: tf.Tensor
    scores: tf.Tensor


def non_max_suppression(
    boxes: TensorLike,
    scores: TensorLike,
    classes: TensorLike | None = None,
    *,
    max_output_size: int = 100,
    iou_threshold: float = 0.5,
    score_threshold: float = float("-inf"),
    soft_nms_sigma: float = 0.0,
) -> Selection:
    """Selects boxes in the order of their scores, and discards or weakens boxes that overlap selected ones.

    A box is discarded if its intersection over union (IoU) with a selected box exceeds `iou_threshold`. With
    `soft_nms_sigma`, its score is multiplied by `exp(-IoU² / (2 sigma))` instead, for each selected box. Among equal
    scores, the box with the least index comes first. The op is similar to
    `tf.image.non_max_suppression_with_scores`, but it supports classes, and `iou_threshold` is not used together with
    soft suppression. It is not differentiable.

    Source: Bodla et al., "Soft-NMS: Improving Object Detection With One Line of Code", 2017.

    Args:
        boxes: float32 tensor of shape `(n, 4)` with the coordinates x_min, y_min, x_max and y_max. Boxes whose maximum
            is less than their minimum have no area and do not overlap others. `tf.image` orders the coordinates
            instead.
        scores: float32 tensor of shape `(n,)`. Boxes whose score is NaN are never selected, nor are boxes with a
            negative score by soft suppression.
        classes: int32 tensor of shape `(n,)`. Boxes of different classes do not affect each other. If `None`, all boxes
            belong to one class.
        max_output_size: Greatest number of selected boxes, of all classes together.
        iou_threshold: Greatest IoU with a selected box, from 0 to 1. It is not used with `soft_nms_sigma`.
        score_threshold: Boxes with this score or a lower one are discarded, also after their score has been lowered.
        soft_nms_sigma: Parameter of soft suppression, which is used if it is positive.

    Returns:
        A `Selection` tuple.

    Raises:
        ValueError: If a shape or an argument is invalid.

    Example:
        >>> boxes = [[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 3.0], [6.0, 6.0, 8.0, 8.0]]
        >>> non_max_suppression(boxes, [0.9, 0.8, 0.7]).indices.numpy().tolist()
        [0, 2]
        >>> soft = non_max_suppression(boxes, [0.9, 0.8, 0.7], soft_nms_sigma=0.5)
        >>> print(soft.indices.numpy(), soft.scores.numpy().round(2))
        [0 2 1] [0.9  0.7  0.46]
    """
    boxes, scores = _tensor("boxes", boxes, tf.float32), _tensor("scores", scores, tf.float32)
    check(boxes.shape.is_compatible_with((None, 4)), "boxes", Verbatim(f"shape {boxes.shape}"), "have shape (n, 4)")
    count = None if boxes.shape.rank is None else boxes.shape[0]
    groups = tf.zeros_like(scores, tf.int32) if classes is None else _tensor("classes", classes, tf.int32)
    for name, value in (("scores", scores), ("classes", groups)):
        valid = value.shape.is_compatible_with((count,))
        check(valid, name, Verbatim(f"shape {value.shape}"), f"have shape ({count},) to match the boxes")
    valid = is_integer(max_output_size) and 0 <= max_output_size < 2**31
    check(valid, "max_output_size", max_output_size, "an integer >= 0 and less than 2^31")
    numbers = {"iou_threshold": iou_threshold, "soft_nms_sigma": soft_nms_sigma}
    for name, value in numbers.items():
        check(is_number(value), name, value, "a number")
    valid = is_number(score_threshold) or score_threshold in (float("-inf"), float("inf"))
    check(valid, "score_threshold", score_threshold, "a number, which may be infinite")
    check(0 <= iou_threshold <= 1, "iou_threshold", iou_threshold, "a number from 0 to 1")
    check(soft_nms_sigma >= 0, "soft_nms_sigma", soft_nms_sigma, "a number >= 0")
    if soft_nms_sigma > 0:  # a factor would raise a negative score
        scores = tf.where(scores < 0, float("nan"), scores)
    options: dict[str, Any] = {
        "max_output_size": max_output_size,
        "iou_threshold": iou_threshold,
        "score_threshold": score_threshold,
    }
    if compiled(boxes, scores):
        op = library().ops.tensorsmith_non_max_suppression
        return Selection(*op(boxes, scores, groups, sigma=soft_nms_sigma, **options))
    for name, value in (("scores", scores), ("classes", groups)):
        require_shape(name, value, tf.shape(boxes)[:1])
    return Selection(*map(tf.stop_gradient, _reference(boxes, scores, groups, soft_nms_sigma, **options)))


def _tensor(name: str, value: TensorLike, dtype: tf.DType) -> tf.Tensor:
    """Returns a tensor of the given dtype.

    Raises:
        ValueError: If the value cannot be converted. Strings are not parsed, and imaginary parts are not discarded.
    """
    expected = f"a tensor of {dtype.name} numbers"
    check(not (isinstance(value, np.ndarray) and value.dtype.kind in "SUc"), name, value, expected)
    try:
        return tf.convert_to_tensor(value, dtype)
    except (ValueError, TypeError, OverflowError) as error:
        raise argument_error(name, value, expected) from error


def _reference(
    boxes: tf.Tensor,
    scores: tf.Tensor,
    classes: tf.Tensor,
    sigma: float,
    max_output_size: int,
    iou_threshold: float,
    score_threshold: float,
) -> Selection:
    """Reference implementation in TensorFlow, which compares all boxes with each selected box."""

    def is_left(number: tf.Tensor, scores: tf.Tensor, *_: tf.Tensor) -> tf.Tensor:
        return (number < max_output_size) & tf.reduce_any(scores > score_threshold)

    def select(number: tf.Tensor, scores: tf.Tensor, *selected: tf.TensorArray) -> tuple[tf.Tensor, ...]:
        best = tf.argmax(scores, output_type=tf.int32)
        results = [array.write(number, value) for array, value in zip(selected, (best, scores[best]), strict=True)]
        overlap = box_iou(boxes, boxes[best])
        overlap = tf.where(tf.math.is_nan(overlap), 0.0, overlap)
        factor = tf.exp(-0.5 * overlap**2 / sigma) if sigma else 1.0
        kept = tf.range(tf.size(scores)) != best
        lowered = scores * factor
        if not sigma:
            kept &= (overlap <= iou_threshold) | (classes != classes[best])
        lowered = tf.where(classes == classes[best], lowered, scores)
        return number + 1, tf.where(kept, lowered, float("-inf")), *results

    scores = tf.where(scores > score_threshold, scores, float("-inf"))  # also for NaN
    arrays = [tf.TensorArray(dtype, size=0, dynamic_size=True, element_shape=()) for dtype in (tf.int32, tf.float32)]
    _, _, indices, selected = tf.while_loop(is_left, select, (tf.constant(0), scores, *arrays))
    return Selection(indices.stack(), selected.stack())


tf.no_gradient("TensorsmithNonMaxSuppression")
