"""Spearman's rank correlation, as a metric and as an exact function."""

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.metrics._support.pair_counts import as_samples
from tensorsmith.metrics._support.rank_correlation import RankCorrelation


@export
def spearmans_rank(x: TensorLike, y: TensorLike) -> Tensor:
    """Return the exact Spearman's rank correlation between two tensors, computed in O(n log n) time.

    Arguments, return value and errors are those of `kendalls_tau_b`.

    Example:
        >>> round(float(spearmans_rank([12, 2, 1, 12, 2], [1, 4, 7, 1, 0])), 6)
        -0.540738
    """
    return _of_samples(*as_samples(x, y))


@export
class SpearmansRank(RankCorrelation):
    """Spearman's rank correlation, the Pearson correlation of the ranks of targets and predictions.

    {{estimate}}

    Formula, with the centered ranks r of targets and s of predictions, where equal values are assigned their mean rank:

        value = sum(r * s) / sqrt(sum(r^2) * sum(s^2))

    {{undefined}}

    Source: Spearman, "The Proof and Measurement of Association between Two Things", 1904; for the histogram: Xiao,
    "Novel Online Algorithms for Nonparametric Correlations with Application to Analyze Sensor Data", 2017.

    Args:
        {{histogram}}
        {{capacity}}

    {{call}}

    {{raises}}

    Example:
        >>> metric = SpearmansRank(0, 13, 0, 8)
        >>> metric.update_state([12, 2, 1], [1, 4, 7])
        >>> metric.update_state([12, 2], [1, 0])
        >>> round(float(metric.result()), 6)
        -0.540738
    """

    def of_table(self, table: Tensor, actual: TensorLike, preds: TensorLike) -> Tensor:
        """Return the correlation of a histogram."""
        rows, columns = ops.sum(table, axis=1), ops.sum(table, axis=0)
        total = ops.sum(table)
        # Mean rank of each bin, centered.
        row_ranks, column_ranks = (ops.cumsum(sums) - (sums + total) / 2 for sums in (rows, columns))
        spread = ops.sum(rows * ops.square(row_ranks)) * ops.sum(columns * ops.square(column_ranks))
        return ops.sum(row_ranks[:, None] * table * column_ranks) / ops.sqrt(spread)

    def of_samples(self, x: Tensor, y: Tensor, weights: Tensor) -> Tensor:
        """Return the exact correlation of the samples."""
        return _of_samples(x, y, weights)


def _of_samples(x: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    r, s = _centred_ranks(x, weights), _centred_ranks(y, weights)
    spread = ops.sum(weights * ops.square(r)) * ops.sum(weights * ops.square(s))
    return ops.sum(weights * r * s) / ops.sqrt(spread)


def _centred_ranks(x: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted rank of each value, averaged over ties and centered at 0."""
    # The mean rank of tied values is the average of the weights below them and up to them.
    order = ops.argsort(x)
    ordered = ops.take(x, order)
    # below[k] is the total weight of the k smallest values; the last entry is that of all values.
    below = ops.pad(ops.cumsum(ops.take(weights, order)), ((1, 0),))
    first, last = (ops.take(below, ops.searchsorted(ordered, x, side=side)) for side in ("left", "right"))
    return (first + last - below[-1]) / 2
