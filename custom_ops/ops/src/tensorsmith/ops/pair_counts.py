"""Op that counts concordant, discordant and tied pairs of samples."""

from typing import NamedTuple

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops.arguments import require_shape
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.library import library


class PairCounts(NamedTuple):
    """Weighted pair counts for Kendall's rank correlation coefficients, as float64 scalars.

    A pair of samples with weights v and w counts v * w times.

    Attributes:
        balance: Number of concordant minus discordant pairs.
        untied_x: Number of pairs that differ in x.
        untied_y: Number of pairs that differ in y.
        distinct: Number of distinct values of x or of y, whichever is smaller.
        total: Sum of all sample weights.
    """

    balance: tf.Tensor
    untied_x: tf.Tensor
    untied_y: tf.Tensor
    distinct: tf.Tensor
    total: tf.Tensor


def pair_counts(x: TensorLike, y: TensorLike, weights: TensorLike) -> PairCounts:
    """Counts concordant, discordant and tied pairs of n samples in O(n log n) time.

    Samples with weight 0 are ignored. The op is not differentiable. With samples sorted by x, and by y where x is tied,
    the discordant pairs are the inversions of y.

    Source: Knight, "A Computer Method for Calculating Kendall's Tau with Ungrouped Data", 1966.

    Args:
        x: First variable of the samples, a float64 tensor of shape `(n,)` without NaN.
        y: Second variable of the samples, a float64 tensor of shape `(n,)` without NaN.
        weights: Sample weights, a float64 tensor of shape `(n,)` with non-negative values.

    Returns:
        A `PairCounts` tuple.

    Raises:
        ValueError: If shapes or dtypes do not match.

    Example:
        >>> counts = pair_counts([1.0, 2.0, 3.0, 3.0], [1.0, 3.0, 2.0, 4.0], [1.0, 1.0, 1.0, 1.0])
        >>> [float(count) for count in counts]  # five pairs differ in x, one of them is discordant
        [3.0, 5.0, 6.0, 3.0, 4.0]
    """
    x, y, weights = (tf.convert_to_tensor(value, tf.float64) for value in (x, y, weights))
    check(x.shape.rank in (1, None), "x", Verbatim(x.shape), "have shape (n,)")
    for name, value in (("y", y), ("weights", weights)):
        check(
            value.shape.is_compatible_with(x.shape), name, Verbatim(value.shape), f"have shape {x.shape} to match `x`"
        )
    if compiled(x, y, weights, types=(tf.float64,)):
        return PairCounts(*tf.unstack(library().ops.tensorsmith_pair_counts(x, y, weights)))
    for name, value in (("y", y), ("weights", weights)):
        require_shape(name, value, tf.shape(x))
    return _reference(x, y, weights)


def _reference(x: tf.Tensor, y: tf.Tensor, weights: tf.Tensor) -> PairCounts:
    """Reference implementation in TensorFlow that counts concordant, discordant and tied pairs."""
    # Adding 0.0 turns -0.0 into 0.0. Two stable sorts order the samples by x, then by y.
    x, y = x + 0.0, y + 0.0
    order = tf.argsort(y, stable=True)
    order = tf.gather(order, tf.argsort(tf.gather(x, order), stable=True))
    x, y, weights = (tf.gather(value, order) for value in (x, y, weights))
    new_x, new_y = x[1:] != x[:-1], y[1:] != y[:-1]
    by_y = tf.argsort(y, stable=True)
    weights_by_y = tf.gather(weights, by_y)
    y = tf.gather(y, by_y)
    groups_x, groups_y = _group_sums(weights, new_x), _group_sums(weights_by_y, y[1:] != y[:-1])
    # Pairs within a group of ties weigh half of the squared group sum, up to the diagonal, which cancels.
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
    """Returns the sum of the weights of each group of equal samples. `new` is `True` where a new group starts."""
    run = tf.pad(tf.cumsum(tf.cast(new, tf.int32)), [[1, 0]])[: tf.size(weights)]
    return tf.math.unsorted_segment_sum(weights, run, tf.size(weights))


def _inversions(position: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Returns the sum of the weight products over all inversions, pairs in which the first value is larger.

    Positions are a permutation of `0, ..., n - 1`. Each pass splits blocks of positions in half and counts the pairs
    that are separated by the split. Within a block, the order of the list is preserved.
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
        # Exactly half of the positions of each block are late.
        parts = [tf.dynamic_partition(values, tf.cast(late, tf.int32), 2) for values in (position, weights)]
        position, weights = (tf.stack([tf.reshape(part, [-1, half]) for part in pair], axis=1) for pair in parts)
        return half // 2, tf.reshape(position, [-1]), tf.reshape(weights, [-1]), total

    shapes = (half.shape, tf.TensorShape([None]), tf.TensorShape([None]), tf.TensorShape([]))
    start = (half, position, weights, tf.constant(0.0, tf.float64))
    return tf.while_loop(lambda half, *_: half > 0, count, start, shape_invariants=shapes)[-1]


tf.no_gradient("TensorsmithPairCounts")
