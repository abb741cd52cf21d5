"""Base class for metrics based on a two-dimensional histogram of targets and predictions."""

from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from tensorsmith.core import SharedDocstrings, check, is_integer, is_number
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.weighting import STATE, samples_of

ARGUMENTS = """\
actual_min: Lower end of the range of targets. Targets outside of the range are assigned to the outermost bins.
actual_max: Upper end of the range of targets.
preds_min: Lower end of the range of predictions.
preds_max: Upper end of the range of predictions.
actual_cutpoints: Number of bin edges of the targets, which is the number of bins plus 1.
preds_cutpoints: Number of bin edges of the predictions.
name: Name of the metric instance.
dtype: Data type of the result. If `None`, `keras.config.floatx()` is used. The state is stored in `float64`,
    which rounds integers beyond 2^53."""
CALL = """\
Call arguments:
    y_true: Tensor of targets. Each entry is a sample.
    y_pred: Tensor of predictions.
    sample_weight: Optional weights. A weight of 2 is equivalent to repeating the sample. (TensorFlow Addons
        ignores weights.)

Input shape:
    Any shape; the same for both tensors.

Output shape:
    A scalar."""
UNDEFINED = """\
The result is 0 before the first update, and NaN (as in SciPy) if all targets or all predictions are equal, or
if a sample with a nonzero weight is NaN."""


class HistogramMetric(SharedDocstrings, keras.metrics.Metric):
    """Base class for metrics that estimate a correlation from a histogram.

    Subclasses implement `of_table`, which computes the correlation from a table of weights and its bin centers.
    """

    shared_texts: ClassVar[Mapping[str, str]] = {"histogram": ARGUMENTS, "call": CALL, "undefined": UNDEFINED}

    def __init__(
        self,
        actual_min: float,
        actual_max: float,
        preds_min: float,
        preds_max: float,
        actual_cutpoints: int,
        preds_cutpoints: int,
        name: str | None,
        dtype: DType | None,
    ):
        _check_range("actual_min", actual_min, "actual_max", actual_max)
        _check_range("preds_min", preds_min, "preds_max", preds_max)
        for which, cutpoints in (("actual_cutpoints", actual_cutpoints), ("preds_cutpoints", preds_cutpoints)):
            fits = is_integer(cutpoints) and cutpoints >= 2
            check(fits, which, cutpoints, "an integer >= 2", "pass the number of bins plus one")
        super().__init__(name=name, dtype=dtype)
        self.actual_min = actual_min
        self.actual_max = actual_max
        self.preds_min = preds_min
        self.preds_max = preds_max
        self.actual_cutpoints = actual_cutpoints
        self.preds_cutpoints = preds_cutpoints

    def add_table(self) -> None:
        """Create the histogram variable."""
        shape = (self.actual_cutpoints - 1, self.preds_cutpoints - 1)
        self.table = self.add_variable(shape, "zeros", dtype=STATE, name="table")

    def update_table(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None) -> None:
        """Update the histogram with one batch."""
        x, y, weights = samples_of(y_true, y_pred, sample_weight)
        row, column = _bins(x, self._actual_cuts()), _bins(y, self._preds_cuts())
        rows, columns = self.table.shape
        cells = ops.segment_sum(weights, row * columns + column, num_segments=rows * columns)
        self.table.assign_add(ops.reshape(cells, (rows, columns)))

    def table_result(self) -> Tensor:
        """Return the correlation of the histogram: 0 if it is empty, NaN if only one row or column is nonzero."""
        table = ops.convert_to_tensor(self.table)
        value = self.of_table(table, _middles(self._actual_cuts()), _middles(self._preds_cuts()))
        # Test the number of filled rows and columns, because with fractional weights 0 / 0 is subject to rounding.
        filled = ops.minimum(*(ops.sum(ops.sum(table, axis=axis) > 0) for axis in (0, 1)))
        value = ops.where(filled > 1, value, float("nan"))
        return ops.where(ops.sum(table) == 0, 0.0, value)

    def of_table(self, table: Tensor, actual: TensorLike, preds: TensorLike) -> Tensor:
        """Return the correlation of a histogram, given the centers of its rows and columns."""
        raise NotImplementedError

    def _actual_cuts(self) -> np.ndarray:
        return _cuts(self.actual_min, self.actual_max, self.actual_cutpoints)

    def _preds_cuts(self) -> np.ndarray:
        return _cuts(self.preds_min, self.preds_max, self.preds_cutpoints)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the metric."""
        own = ("actual_min", "actual_max", "preds_min", "preds_max", "actual_cutpoints", "preds_cutpoints")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}


def _check_range(low_name: str, low: float, high_name: str, high: float) -> None:
    for name, value in ((low_name, low), (high_name, high)):
        check(is_number(value), name, value, "a finite number")
    check(low < high, high_name, high, f"greater than `{low_name}` ({low})")


def _cuts(low: float, high: float, count: int) -> np.ndarray:
    # Edges in float32, the dtype in which `_bins` compares them with values.
    return np.linspace(np.float32(low), np.float32(high), count, dtype="float32")


def _middles(cuts: np.ndarray) -> np.ndarray:
    cuts = cuts.astype(STATE)
    return (cuts[1:] + cuts[:-1]) / 2


def _bins(values: Tensor, cuts: np.ndarray) -> Tensor:
    """Return the bin index of each value. Values out of range are assigned to the first or last bin."""
    # Bins include their lower edge, and the last bin also its upper edge.
    return ops.clip(ops.searchsorted(cuts, ops.cast(values, "float32"), side="right") - 1, 0, len(cuts) - 2)
