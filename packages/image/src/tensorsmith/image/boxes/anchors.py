"""Sizes of anchor boxes by k-means clustering."""

import numpy as np
import tensorflow as tf

from tensorsmith.core import Verbatim, check, is_integer
from tensorsmith.core.types import TensorLike
from tensorsmith.image._support.checks import array_of_numbers
from tensorsmith.image.boxes._support.sizes import size_iou

MOST_PASSES = 300


def anchor_sizes(sizes: TensorLike, count: int, seed: int = 0) -> np.ndarray:
    """Return the sizes of anchor boxes that overlap given boxes well, by k-means clustering.

    The distance between a box and an anchor is 1 - IoU of two boxes with these sizes and the same center, so that large
    boxes do not dominate. The first anchors are drawn as by k-means++. Source: Redmon and Farhadi, "YOLO9000: Better,
    Faster, Stronger", 2017.

    Args:
        sizes: Widths and heights of boxes, of shape `(boxes, 2)`, all positive.
        count: Number of anchors, at most the number of different sizes.
        seed: Random seed of the first anchors.

    Returns:
        A float32 array of shape `(count, 2)` with widths and heights, in the order of their area.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> from tensorsmith.image import boxes
        >>> print(boxes.anchor_sizes([[10, 10], [12, 10], [40, 80], [44, 80]], count=2))
        [[11. 10.]
         [42. 80.]]
    """
    values = array_of_numbers("sizes", sizes).astype(np.float64)
    valid = values.ndim == 2 and values.shape[1] == 2
    check(valid, "sizes", Verbatim(f"shape {values.shape}"), "have shape (boxes, 2)")
    bad = values[~(np.isfinite(values) & (values > 0))]
    check(len(bad) == 0, "sizes", bad[0] if len(bad) else None, "positive and finite")
    most = len(np.unique(values, axis=0))
    expected = f"an integer from 1 to the number of different sizes, {most}"
    check(is_integer(count) and 1 <= count <= most, "count", count, expected)
    check(is_integer(seed) and seed >= 0, "seed", seed, "a non-negative integer")
    rng = np.random.default_rng(seed)
    anchors = values[rng.integers(len(values), size=1)]
    while len(anchors) < count:
        distance = np.maximum(1 - _ious(values, anchors).max(axis=1), 0)
        if not distance.any():  # the other sizes differ by rounding errors only
            distance = np.ones(len(values))
        anchors = np.concatenate([anchors, values[rng.choice(len(values), size=1, p=distance / distance.sum())]])
    nearest = None
    for _ in range(MOST_PASSES):
        previous, nearest = nearest, _ious(values, anchors).argmax(axis=1)
        if previous is not None and (nearest == previous).all():
            break
        members = [values[nearest == number] for number in range(count)]
        anchors = np.stack(
            [each.mean(axis=0) if len(each) else anchor for each, anchor in zip(members, anchors, strict=True)]
        )
    return anchors[anchors.prod(axis=1).argsort()].astype(np.float32)


def _ious(sizes: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """Return the intersection over union of each box with each anchor."""
    with tf.init_scope():  # the values are also known while a graph is traced
        return size_iou(sizes[:, np.newaxis], anchors).numpy()
