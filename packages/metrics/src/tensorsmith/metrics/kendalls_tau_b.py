"""Kendall's tau-b rank correlation, as a metric and as an exact function."""

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.metrics._support.kendalls_tau import KendallsTau
from tensorsmith.metrics._support.pair_counts import as_samples
from tensorsmith.ops import PairCounts, pair_counts


@export
def kendalls_tau_b(x: TensorLike, y: TensorLike) -> Tensor:
    """Return the exact Kendall's tau-b between two tensors, computed in O(n log n) time.

    Args:
        x: Tensor with the values of the first variable. Integers are compared exactly, without rounding.
        y: Tensor with the values of the second variable, with the shape of `x`.

    Returns:
        A scalar of dtype `float64`. As in SciPy, it is NaN if one of the tensors is constant, is empty or contains NaN.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> round(float(kendalls_tau_b([12, 2, 1, 12, 2], [1, 4, 7, 1, 0])), 6)
        -0.471405
    """
    return _tau(pair_counts(*as_samples(x, y)))


def _tau(counts: PairCounts) -> Tensor:
    value = counts.balance / ops.sqrt(counts.untied_x * counts.untied_y)
    return ops.where(counts.distinct > 1, value, float("nan"))  # 0 / 0, apart from rounding errors of the sums


@export
class KendallsTauB(KendallsTau):
    """Kendall's tau-b rank correlation between targets and predictions, which accounts for ties.

    {{estimate}}

    Formula, with C concordant and D discordant pairs of samples, out of P pairs, of which T are tied in x and U in y:

        value = (C - D) / sqrt((P - T) * (P - U))

    {{undefined}}

    Source: Kendall, "The Treatment of Ties in Ranking Problems", 1945; for the histogram: Xiao, "Novel Online
    Algorithms for Nonparametric Correlations with Application to Analyze Sensor Data", 2017.

    Args:
        {{histogram}}
        {{capacity}}

    {{call}}

    {{raises}}

    Example:
        >>> metric = KendallsTauB(0, 13, 0, 8)
        >>> metric.update_state([12, 2, 1], [1, 4, 7])
        >>> metric.update_state([12, 2], [1, 0])
        >>> round(float(metric.result()), 6)
        -0.471405
    """

    tau = staticmethod(_tau)
