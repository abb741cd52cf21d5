"""Kendall's tau-c."""

from typing import Any

from keras import ops

from tensorsmith.core import export
from tensorsmith.metrics.pair_counts import as_samples, count_of_table
from tensorsmith.metrics.rank_correlation import RankCorrelation
from tensorsmith.ops import PairCounts, pair_counts


@export
def kendalls_tau_c(x: Any, y: Any) -> Any:
    """Kendall's tau-c of all entries, exact, in n log n.

    Args:
        x: Numbers; integers are compared exactly, however large.
        y: Numbers, of the same shape.

    Returns:
        A scalar of type float64. NaN, as in SciPy, if one of the two is constant, is empty or has a NaN.

    Raises:
        ValueError: The shapes differ.

    Example:
        >>> round(float(kendalls_tau_c([12, 2, 1, 12, 2], [1, 4, 7, 1, 0])), 6)
        -0.48
    """
    return _tau(pair_counts(*as_samples(x, y)))


@export
class KendallsTauC(RankCorrelation):
    """Kendall's tau-c: how much more often two samples are ordered alike by targets and predictions than contrarily.

    By default it is TensorFlow Addons' estimate: targets and predictions are sorted into bins, and those in one bin
    count as equal. Give the ranges of the values, which are 0 to 1 unless said otherwise; or a `capacity`, for the
    exact value.

    Formula, with C concordant and D discordant pairs of samples, n samples, and m distinct targets or
    predictions, whichever are fewer:

        value = 2 * (C - D) / (n^2 * (m - 1) / m)

    It is 0 if nothing was seen, and NaN (as in SciPy) if all targets or all predictions are equal, or if one is
    NaN and weighs something.

    Source: Stuart, "The Estimation and Comparison of Strengths of Association in Contingency Tables", 1953;
    of a histogram: Xiao, "Novel Online Algorithms for Nonparametric Correlations with Application to Analyze
    Sensor Data", 2017.

    Args:
        actual_min: Smallest target; what is below counts as this.
        actual_max: Largest target.
        preds_min: Smallest prediction.
        preds_max: Largest prediction.
        actual_cutpoints: Bounds of the histogram's bins of targets, one more than bins.
        preds_cutpoints: Those of predictions.
        name: Name of the metric.
        dtype: Precision of the result; `None` means Keras' default float. State is kept in float64,
            which rounds integers beyond 2^53.
        capacity: None estimates from a histogram. A number keeps as many samples on each replica, also of weight 0, and
            gives their exact coefficient; ranges and cut points then have no use. XLA cannot compile it
            (its error, "must be a compile-time constant", does not name the metric): compile models that have it among
            their metrics with `jit_compile=False`.

    Call arguments:
        y_true: Targets.
        y_pred: Predictions. All entries are samples.
        sample_weight: Optional weights: a sample of weight 2 counts as two. (Addons ignores them.)

    Input shape:
        Any; both the same.

    Output shape:
        A scalar.

    Raises:
        ValueError: A range is empty, there are fewer than two cut points, or
            `capacity` is no positive integer. More samples than fit raise InvalidArgumentError.

    Example:
        >>> metric = KendallsTauC(0, 13, 0, 8)
        >>> metric.update_state([12, 2, 1], [1, 4, 7])
        >>> metric.update_state([12, 2], [1, 0])
        >>> round(float(metric.result()), 6)
        -0.48
    """

    def of_table(self, table: Any, actual: Any, preds: Any) -> Any:
        """Of a histogram."""
        return _tau(count_of_table(table))

    def of_samples(self, x: Any, y: Any, weights: Any) -> Any:
        """Exact."""
        return _tau(pair_counts(x, y, weights))


def _tau(counts: PairCounts) -> Any:
    distinct = ops.cast(counts.distinct, counts.total.dtype)
    value = 2 * counts.balance / (ops.square(counts.total) * (distinct - 1) / distinct)
    return ops.where(distinct > 1, value, float("nan"))  # 0 / 0 but for the rounding of sums
