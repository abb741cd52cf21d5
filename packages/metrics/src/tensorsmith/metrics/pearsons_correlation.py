"""Metric for the Pearson correlation between targets and predictions."""

import functools
from typing import Any

from keras import ops

from tensorsmith.core import check, export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.histogram_metric import HistogramMetric
from tensorsmith.metrics._support.replicas import own_slot, slots
from tensorsmith.metrics._support.weighting import STATE, samples_of


@export
class PearsonsCorrelation(HistogramMetric):
    """Pearson correlation between all targets and predictions since the last reset.

    By default it is the estimate of TensorFlow Addons: targets and predictions are assigned to bins, and each value is
    replaced by the center of its bin. Pass the ranges of the values, which default to 0 to 1, or set `exact`. It
    differs from `keras.metrics.PearsonCorrelation`, which averages the correlations of the rows.

    Formula, with means over all (weighted) samples:

        value = sum((x - mean(x)) * (y - mean(y))) / sqrt(sum((x - mean(x))^2) * sum((y - mean(y))^2))

    The exact variant keeps means and sums of products of deviations, which do not suffer from cancellation for large
    values with a small variance.

    {{undefined}}

    Source: for the exact variant: Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing
    Sample Variances", 1979; for the histogram: Xiao, "Novel Online Algorithms for Nonparametric Correlations with
    Application to Analyze Sensor Data", 2017.

    Args:
        {{histogram}}
        exact: If `True`, compute the exact correlation. The arguments that specify the histogram are then ignored.

    {{call}}

    Raises:
        ValueError: If a range is empty, there are fewer than two cut points, or `exact` is not a bool.

    Example:
        >>> metric = PearsonsCorrelation(0, 13, 0, 8)
        >>> metric.update_state([12, 2, 1, 12, 2], [1, 4, 7, 1, 0])
        >>> round(float(metric.result()), 6)
        -0.56183
        >>> metric = PearsonsCorrelation(exact=True)
        >>> metric.update_state([12, 2, 1], [1, 4, 7])
        >>> metric.update_state([12, 2], [1, 0])
        >>> round(float(metric.result()), 6)
        -0.55664
    """

    def __init__(
        self,
        actual_min: float = 0.0,
        actual_max: float = 1.0,
        preds_min: float = 0.0,
        preds_max: float = 1.0,
        actual_cutpoints: int = 100,
        preds_cutpoints: int = 100,
        name: str | None = None,
        dtype: DType | None = None,
        exact: bool = False,
    ):
        super().__init__(actual_min, actual_max, preds_min, preds_max, actual_cutpoints, preds_cutpoints, name, dtype)
        check(isinstance(exact, bool), "exact", exact, "True or False")
        self.exact = exact
        if exact:
            # One row per replica, with the entries that `_moments` returns.
            self.moments = self.add_variable((slots(), 6), "zeros", dtype=STATE, name="moments")
        else:
            self.add_table()

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Update the state with one batch."""
        if not self.exact:
            self.update_table(y_true, y_pred, sample_weight)
            return
        new = _moments(*samples_of(y_true, y_pred, sample_weight))
        slot, moments = own_slot(), ops.convert_to_tensor(self.moments)
        merged = _merged(moments[slot], new)
        self.moments.assign(ops.scatter_update(moments, [[slot]], merged[None]))

    def result(self) -> Tensor:
        """Return the Pearson correlation."""
        if not self.exact:
            return ops.cast(self.table_result(), self.dtype)
        # Merge the slots of all replicas.
        moments = functools.reduce(_merged, ops.unstack(ops.convert_to_tensor(self.moments)))
        total, _, _, xx, yy, xy = ops.unstack(moments)
        return ops.cast(ops.where(total == 0, 0.0, xy / ops.sqrt(xx * yy)), self.dtype)

    def of_table(self, table: Tensor, actual: TensorLike, preds: TensorLike) -> Tensor:
        """Return the correlation of a histogram."""
        rows, columns = ops.sum(table, axis=1), ops.sum(table, axis=0)
        total = ops.sum(table)
        # Deviations of the bin centers from the weighted means.
        actual, preds = actual - ops.sum(rows * actual) / total, preds - ops.sum(columns * preds) / total
        spread = ops.sum(rows * ops.square(actual)) * ops.sum(columns * ops.square(preds))
        return ops.sum(actual[:, None] * table * preds) / ops.sqrt(spread)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the metric."""
        return {**super().get_config(), "exact": self.exact}


def _moments(x: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    """Return the sum of weights, the means of x and y, and the sums of squares and products of their deviations."""
    total = ops.sum(weights)
    mean_x, mean_y = (_mean(each, weights, total) for each in (x, y))
    x, y = x - mean_x, y - mean_y
    return ops.stack([total, mean_x, mean_y, *(ops.sum(weights * each) for each in (x * x, y * y, x * y))])


def _mean(values: Tensor, weights: Tensor, total: Tensor) -> Tensor:
    """Return the weighted mean of a vector, which is exact if all its values are equal."""
    # The additional 0 is for empty batches.
    values, weights = (ops.pad(each, ((0, 1),)) for each in (values, weights))
    origin = values[ops.argmax(weights)]
    return origin + ops.divide_no_nan(ops.sum(weights * (values - origin)), total)


def _merged(first: Tensor, second: Tensor) -> Tensor:
    """Return the moments of the union of two sets of samples."""
    # Pairwise update of Chan, Golub and LeVeque.
    (n, mean_x, mean_y, *sums), (more, *means, xx, yy, xy) = ops.unstack(first), ops.unstack(second)
    step_x, step_y = means[0] - mean_x, means[1] - mean_y
    share = ops.divide_no_nan(more, n + more)
    steps = (step_x * step_x, step_y * step_y, step_x * step_y)
    # The difference between the means contributes with the weight n * more / (n + more).
    sums = [a + b + n * share * step for a, b, step in zip(sums, (xx, yy, xy), steps, strict=True)]
    return ops.stack([n + more, mean_x + share * step_x, mean_y + share * step_y, *sums])
