"""Kendall's tau-c rank correlation, as a metric and as an exact function."""

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.metrics._support.kendalls_tau import KendallsTau
from tensorsmith.metrics._support.pair_counts import as_samples
from tensorsmith.ops import PairCounts, pair_counts


@export
def kendalls_tau_c(x: TensorLike, y: TensorLike) -> Tensor:
    """Return the exact Kendall's tau-c between two tensors, computed in O(n log n) time.

    Arguments, return value and errors are those of `kendalls_tau_b`.

    Example:
        >>> round(float(kendalls_tau_c([12, 2, 1, 12, 2], [1, 4, 7, 1, 0])), 6)
        -0.48
    """
    return _tau(pair_counts(*as_samples(x, y)))


def _tau(counts: PairCounts) -> Tensor:
    distinct = ops.cast(counts.distinct, counts.total.dtype)
    value = 2 * counts.balance / (ops.square(counts.total) * (distinct - 1) / distinct)
    return ops.where(distinct > 1, value, float("nan"))  # 0 / 0, apart from rounding errors of the sums


@export
class KendallsTauC(KendallsTau):
    """Kendall's tau-c rank correlation between targets and predictions.

    {{estimate}}

    Formula, with C concordant and D discordant pairs of samples, n samples, and the smaller number m of distinct
    targets and distinct predictions:

        value = 2 * (C - D) / (n^2 * (m - 1) / m)

    {{undefined}}

    Source: Stuart, "The Estimation and Comparison of Strengths of Association in Contingency Tables", 1953; for the
    histogram: Xiao, "Novel Online Algorithms for Nonparametric Correlations with Application to Analyze Sensor Data",
    2017.

    Args:
        {{histogram}}
        {{capacity}}

    {{call}}

    {{raises}}

    Example:
        >>> metric = KendallsTauC(0, 13, 0, 8)
        >>> metric.update_state([12, 2, 1], [1, 4, 7])
        >>> metric.update_state([12, 2], [1, 0])
        >>> round(float(metric.result()), 6)
        -0.48
    """

    tau = staticmethod(_tau)
