"""Pairs of pairs: how many agree in order, how many disagree, and how many are tied."""

from typing import Any, NamedTuple

import tensorflow as tf
from keras import ops

from tensorsmith.core import check
from tensorsmith.metrics.weighting import STATE


class PairCounts(NamedTuple):
    """What Kendall's coefficients need; two samples of weights v and w count v * w times.

    Args:
        balance: Concordant less discordant pairs.
        untied_x: Pairs that differ in x.
        untied_y: Pairs that differ in y.
        distinct: Distinct values of x or of y, whichever are fewer.
        total: Sum of the weights.
    """

    balance: Any
    untied_x: Any
    untied_y: Any
    distinct: Any
    total: Any


def as_samples(x: Any, y: Any) -> tuple[Any, Any, Any]:
    """Both flattened, in float64, with weights of 1.

    Raises:
        ValueError: They differ in shape.
    """
    x, y = (ops.convert_to_tensor(value) for value in (x, y))
    check(x.shape.is_compatible_with(y.shape), "y", tuple(y.shape), f"the shape of `x`, {tuple(x.shape)}")
    x, y = (ops.reshape(ops.cast(value, STATE), (-1,)) for value in (x, y))
    return x, y, ops.ones_like(x)


def count_of_samples(x: Any, y: Any, weights: Any) -> PairCounts:
    """Counts all pairs of n samples in n log n; what weighs 0 does not count.

    In the order of x (and y where x is tied) the discordant pairs are the inversions of y.
    """
    order = tf.argsort(y, stable=True)
    order = ops.take(order, tf.argsort(ops.take(x, order), stable=True))
    x, y, weights = (ops.take(value, order) for value in (x, y, weights))
    new_x, new_y = x[1:] != x[:-1], y[1:] != y[:-1]
    by_y = tf.argsort(y, stable=True)
    weights_by_y = ops.take(weights, by_y)
    y = ops.take(y, by_y)
    groups_x, groups_y = _group_sums(weights, new_x), _group_sums(weights_by_y, y[1:] != y[:-1])
    total = ops.sum(weights)
    squares_x, squares_y, squares_xy = (
        ops.sum(ops.square(groups)) for groups in (groups_x, groups_y, _group_sums(weights, new_x | new_y))
    )
    comparable = (ops.square(total) - squares_x - squares_y + squares_xy) / 2
    return PairCounts(
        balance=comparable - 2 * _inversions(by_y, weights_by_y),
        untied_x=(ops.square(total) - squares_x) / 2,
        untied_y=(ops.square(total) - squares_y) / 2,
        distinct=ops.minimum(ops.sum(groups_x > 0), ops.sum(groups_y > 0)),
        total=total,
    )


def count_of_table(table: Any) -> PairCounts:
    """Counts all pairs of the samples in a two-way table, whose rows are x and whose columns are y."""
    rows, columns, total = ops.sum(table, axis=1), ops.sum(table, axis=0), ops.sum(table)
    squares_x, squares_y = ops.sum(ops.square(rows)), ops.sum(ops.square(columns))
    below = ops.cumsum(ops.cumsum(table, axis=0), axis=1)
    concordant = ops.sum(below[:-1, :-1] * table[1:, 1:])
    comparable = (ops.square(total) - squares_x - squares_y + ops.sum(ops.square(table))) / 2
    return PairCounts(
        balance=2 * concordant - comparable,
        untied_x=(ops.square(total) - squares_x) / 2,
        untied_y=(ops.square(total) - squares_y) / 2,
        distinct=ops.minimum(ops.sum(rows > 0), ops.sum(columns > 0)),
        total=total,
    )


def _group_sums(weights: Any, new: Any) -> Any:
    """Sums of the weights in each run; `new` says of all samples but the first whether a run begins there."""
    run = ops.pad(ops.cumsum(ops.cast(new, "int32")), ((1, 0),))[: ops.shape(weights)[0]]
    return ops.segment_sum(weights, run, num_segments=ops.shape(weights)[0])


def _inversions(position: Any, weights: Any) -> Any:
    """Sum of the products of the weights of all pairs of which the first in the list has the later position.

    Positions are a permutation of 0 ... n - 1. Blocks of positions halve from pass to pass, and each pass counts the
    pairs that the halves of a block separate; within a block the order stays that of the list.
    """
    n = ops.shape(position)[0]
    half = ops.convert_to_tensor(1, "int32")
    half = ops.while_loop(lambda half: 2 * half < n, lambda half: (2 * half,), (half,))[0]
    padding = (0, 2 * half - n)
    position = ops.concatenate([position, ops.arange(n, 2 * half, dtype="int32")])
    weights = tf.pad(weights, [padding])

    def count(half: Any, position: Any, weights: Any, total: Any) -> tuple[Any, ...]:
        late = ops.bitwise_and(position, half) > 0
        late_weights = ops.where(late, weights, 0.0)
        before = tf.cumsum(ops.reshape(late_weights, (-1, 2 * half)), axis=1)
        total += ops.sum((weights - late_weights) * ops.reshape(before, (-1,)))
        # Exactly half of each block is late. keras.ops has no partition.
        parts = [tf.dynamic_partition(values, ops.cast(late, "int32"), 2) for values in (position, weights)]
        halves = [ops.stack([ops.reshape(part, (-1, half)) for part in pair], axis=1) for pair in parts]
        return half // 2, ops.reshape(halves[0], (-1,)), ops.reshape(halves[1], (-1,)), total

    zero = ops.zeros((), STATE)
    return ops.while_loop(lambda half, *_: half > 0, count, (half, position, weights, zero))[-1]
