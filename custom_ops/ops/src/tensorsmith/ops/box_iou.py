"""Op for the intersection over union of boxes, and its generalized and distance-based forms."""

from typing import Any

import tensorflow as tf

from tensorsmith.core import Verbatim, argument_error, check, did_you_mean
from tensorsmith.core.types import TensorLike

KINDS = ("iou", "giou", "diou", "iof")


def box_iou(boxes: TensorLike, others: TensorLike, kind: str = "iou") -> tf.Tensor:
    """Computes the intersection over union (IoU) of boxes, or GIoU, DIoU or IoF, with broadcasting.

    With the area of the intersection I and of the union U, and the area A of the first box:

        IoU = I / U        IoF = I / A

    With the smallest enclosing box, of area C and diagonal c, and the distance d between the centers, GIoU and DIoU
    also have a gradient for disjoint boxes:

        GIoU = IoU - (C - U) / C        DIoU = IoU - d² / c²

    A quotient with a denominator of 0 is 0, and a side whose maximum is less than its minimum has length 0. The result
    is the same for the order `"yxyx"`, if both arguments have it.

    The losses, metrics and functions for images of this project use this op, which has no compiled kernel, instead of
    `keras.utils.bounding_boxes.compute_iou`. That function compares all pairs of boxes, computes them in `float32`,
    supports one leading axis, and adds 1e-7 to the union: the IoU of a box of 0.001 x 0.001 with itself is 0.91. See
    `keras.utils.bounding_boxes.compute_ciou` for CIoU.

    Sources: Rezatofighi et al., "Generalized Intersection over Union", 2019; Zheng et al., "Distance-IoU Loss: Faster
    and Better Learning for Bounding Box Regression", 2020. IoF is used for crowds of COCO.

    Args:
        boxes: Tensor of shape `(..., 4)` with the coordinates x_min, y_min, x_max and y_max.
        others: Tensor of shape `(..., 4)`. The leading axes are broadcast: `box_iou(boxes[:, None], others)` compares
            all pairs.
        kind: "iou" or "iof", from 0 to 1; "giou" or "diou", from -1 to 1.

    Returns:
        A tensor with the common shape without its last axis, of dtype `float64` if an argument is `float64`, and
        `float32` otherwise, because the area of a box in pixels overflows `float16`.

    Raises:
        ValueError: If `kind` is unknown, or an argument is not a tensor of numbers whose last axis has size 4.
        tf.errors.InvalidArgumentError: If the leading axes cannot be broadcast.

    Example:
        >>> box, others = [0.0, 0.0, 2.0, 2.0], [[0.0, 0.0, 2.0, 1.0], [2.0, 0.0, 4.0, 2.0]]
        >>> for kind in ("iou", "giou", "diou", "iof"):
        ...     print(box_iou(box, others, kind).numpy().round(3))
        [0.5 0. ]
        [0.5 0. ]
        [ 0.469 -0.2  ]
        [0.5 0. ]
    """
    _check_kind(kind)
    boxes, others = _tensor("boxes", boxes), _tensor("others", others)
    dtype = tf.float64 if tf.float64 in (boxes.dtype, others.dtype) else tf.float32
    # One tensor for each coordinate: broadcasting a last axis of size 2 takes several times as long.
    left, top, right, bottom = tf.unstack(tf.cast(boxes, dtype), num=4, axis=-1)
    other_left, other_top, other_right, other_bottom = tf.unstack(tf.cast(others, dtype), num=4, axis=-1)
    width, height = tf.minimum(right, other_right), tf.minimum(bottom, other_bottom)
    common = _area(tf.maximum(left, other_left), tf.maximum(top, other_top), width, height)
    area = _area(left, top, right, bottom)
    if kind == "iof":
        return tf.math.divide_no_nan(common, area)
    union = area + _area(other_left, other_top, other_right, other_bottom) - common
    iou = tf.math.divide_no_nan(common, union)
    if kind == "iou":
        return iou
    # The smallest box that encloses both.
    start = tf.minimum(left, other_left), tf.minimum(top, other_top)
    end = tf.maximum(right, other_right), tf.maximum(bottom, other_bottom)
    if kind == "giou":
        enclosing = _area(*start, *end)
        return iou - tf.math.divide_no_nan(enclosing - union, enclosing)
    distance = (left + right - other_left - other_right) ** 2 + (top + bottom - other_top - other_bottom) ** 2
    diagonal = (end[0] - start[0]) ** 2 + (end[1] - start[1]) ** 2
    return iou - tf.math.divide_no_nan(distance / 4, diagonal)


@tf.autograph.experimental.do_not_convert  # AutoGraph warns of `difflib`, which suggests a similar name
def _check_kind(kind: Any) -> None:
    valid = isinstance(kind, str) and kind in KINDS
    check(valid, "kind", kind, f"one of {KINDS}", "" if valid else did_you_mean(str(kind), KINDS))


def _tensor(name: str, value: TensorLike) -> tf.Tensor:
    """Returns boxes as a tensor of numbers, whose last axis has size 4 if its size is known."""
    expected = "a tensor of numbers with 4 coordinates along the last axis"
    try:
        tensor = tf.convert_to_tensor(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise argument_error(name, value, expected) from error
    dtype, shape = tensor.dtype, tensor.shape
    check(dtype.is_floating or dtype.is_integer, name, Verbatim(f"dtype {dtype.name}"), expected)
    valid = shape.rank is None or (shape.rank > 0 and shape[-1] in (4, None))
    check(valid, name, Verbatim(f"shape {shape}"), "have 4 coordinates along the last axis")
    return tensor


def _area(left: tf.Tensor, top: tf.Tensor, right: tf.Tensor, bottom: tf.Tensor) -> tf.Tensor:
    """Returns the area of boxes, which is 0 for the intersection of disjoint boxes."""
    return tf.maximum(right - left, 0) * tf.maximum(bottom - top, 0)
