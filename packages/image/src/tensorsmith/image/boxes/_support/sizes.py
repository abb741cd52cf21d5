"""Overlaps of boxes that differ by their sizes only."""

import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core.types import TensorLike


def size_iou(sizes: TensorLike, others: TensorLike) -> tf.Tensor:
    """Return the intersection over union of boxes with the same center and given widths and heights.

    Args:
        sizes: Tensor of shape `(..., 2)`.
        others: Tensor of shape `(..., 2)`. The leading axes are broadcast.
    """
    return ops.box_iou(*(tf.concat([tf.zeros_like(each), each], axis=-1) for each in (sizes, others)))
