"""Of all pairs of weighted samples, how many agree in the order of two values, and how many are tied."""

from typing import NamedTuple

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.library import library


class PairCounts(NamedTuple):
    """What Kendall's coefficients need, in float64; two samples of weights v and w count v * w times.

    Attributes:
        balance: Concordant less discordant pairs.
        untied_x: Pairs that differ in x.
        untied_y: Pairs that differ in y.
        distinct: Distinct values of x or of y, whichever are fewer.
        total: Sum of the weights.
    """

    balance: tf.Tensor
    untied_x: tf.Tensor
    untied_y: tf.Tensor
    distinct: tf.Tensor
    total: tf.Tensor


def pair_counts(x: TensorLike, y: TensorLike, weights: TensorLike) -> PairCounts:
    """Counts all pairs of n samples in n log n; what weighs 0 does not count. It has no gradient.

    In the order of x, and of y where x is tied, the discordant pairs are the inversions of y.

    Source: Knight, "A Computer Method for Calculating Kendall's Tau with Ungrouped Data", 1966.

    Args:
        x: float64 (n,), none of them NaN.
        y: The same.
        weights: float64 (n,), 0 or more.

    Raises:
        ValueError: Shapes or types do not fit.

    Example:
        >>> counts = pair_counts([1.0, 2.0, 3.0, 3.0], [1.0, 3.0, 2.0, 4.0], [1.0, 1.0, 1.0, 1.0])
        >>> [float(count) for count in counts]  # five pairs differ in x, of which one is discordant
        [3.0, 5.0, 6.0, 3.0, 4.0]
    """
    x, y, weights = (tf.convert_to_tensor(value, tf.float64) for value in (x, y, weights))
    check(x.shape.rank in (1, None), "x", Verbatim(x.shape), "shape (n,)")
    for name, value in (("y", y), ("weights", weights)):
        check(value.shape.is_compatible_with(x.shape), name, Verbatim(value.shape), f"the shape of `x`, {x.shape}")
    if compiled(x, y, weights, types=(tf.float64,)):
        return PairCounts(*tf.unstack(library().ops.tensorsmith_pair_counts(x, y, weights)))
    return _reference(x, y, weights)


def _reference(x: tf.Tensor, y: tf.Tensor, weights: tf.Tensor) -> PairCounts:
    """The twin in plain TensorFlow."""
    x, y = x + 0.0, y + 0.0
    order = tf.argsort(y, stable=True)
    order = tf.gather(order, tf.argsort(tf.gather(x, order), stable=True))
    x, y, weights = (tf.gather(value, order) for value in (x, y, weights))
    new_x, new_y = x[1:] != x[:-1], y[1:] != y[:-1]
    by_y = tf.argsort(y, stable=True)
    weights_by_y = tf.gather(weights, by_y)
    y = tf.gather(y, by_y)
    groups_x, groups_y = _group_sums(weights, new_x), _group_sums(weights_by_y, y[1:] != y[:-1])
    square = tf.reduce_sum(weights) ** 2
    squares_x, squares_y, squares_both = (
        tf.reduce_sum(groups**2) for groups in (groups_x, groups_y, _group_sums(weights, new_x | new_y))
    )
    comparable = (square - squares_x - squares_y + squares_both) / 2
    distinct = tf.minimum(tf.math.count_nonzero(groups_x), tf.math.count_nonzero(groups_y))
    return PairCounts(
        balance=comparable - 2 * _inversions(by_y, weights_by_y),
        untied_x=(square - squares_x) / 2,
        untied_y=(square - squares_y) / 2,
        distinct=tf.cast(distinct, tf.float64),
        total=tf.reduce_sum(weights),
    )


def _group_sums(weights: tf.Tensor, new: tf.Tensor) -> tf.Tensor:
    """Sums of the weights in each run; `new` says of all samples but the first whether a run begins there."""
    run = tf.pad(tf.cumsum(tf.cast(new, tf.int32)), [[1, 0]])[: tf.size(weights)]
    return tf.math.unsorted_segment_sum(weights, run, tf.size(weights))


def _inversions(position: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Sum of the products of the weights of all pairs of which the first in the list has the later position.

    Positions are a permutation of 0 ... n - 1. Blocks of positions halve from pass to pass, and each pass counts the
    pairs that the halves of a block separate; within a block the order stays that of the list.
    """
    n = tf.size(position)
    half = tf.while_loop(lambda half: 2 * half < n, lambda half: (2 * half,), (tf.constant(1),))[0]
    position = tf.concat([position, tf.range(n, 2 * half)], axis=0)
    weights = tf.pad(weights, [[0, 2 * half - n]])

    def count(half: tf.Tensor, position: tf.Tensor, weights: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, ...]:
        late = tf.bitwise.bitwise_and(position, half) > 0
        late_weights = tf.where(late, weights, 0)
        before = tf.cumsum(tf.reshape(late_weights, [-1, 2 * half]), axis=1)
        total += tf.reduce_sum((weights - late_weights) * tf.reshape(before, [-1]))
        # Exactly half of each block is late.
        parts = [tf.dynamic_partition(values, tf.cast(late, tf.int32), 2) for values in (position, weights)]
        position, weights = (tf.stack([tf.reshape(part, [-1, half]) for part in pair], axis=1) for pair in parts)
        return half // 2, tf.reshape(position, [-1]), tf.reshape(weights, [-1]), total

    shapes = (half.shape, tf.TensorShape([None]), tf.TensorShape([None]), tf.TensorShape([]))
    start = (half, position, weights, tf.constant(0.0, tf.float64))
    return tf.while_loop(lambda half, *_: half > 0, count, start, shape_invariants=shapes)[-1]


tf.no_gradient("TensorsmithPairCounts")
