"""Checks of arguments that several functions for boxes share."""

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.image._support.checks import numbers


def as_boxes(name: str, boxes: TensorLike) -> tf.Tensor:
    """Return boxes as a float32 tensor.

    Raises:
        ValueError: If they do not have two axes or more, the last one of size 4.
    """
    boxes = numbers(name, boxes, tf.float32)
    boxes = tf.reshape(boxes, [0, 4]) if boxes.shape == (0,) else boxes  # an empty list
    shape = boxes.shape
    valid = shape.rank is None or (shape.rank >= 2 and shape[-1] in (4, None))
    check(valid, name, Verbatim(f"shape {shape}"), "have shape (..., boxes, 4)")
    return boxes
