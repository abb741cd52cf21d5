"""Imputation of missing values in a feature spec: the strategy, its statistics and its layers."""

import copy
import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tensorsmith.core import ArgumentError, argument_error, check
from tensorsmith.data.preprocessing.choices import values_per_example
from tensorsmith.data.preprocessing.imputer import Imputer
from tensorsmith.data.preprocessing.statistics import Moments, Quantiles, TokenCounts
from tensorsmith.data.preprocessing.vocabulary import as_text
from tensorsmith.tfrecord import Feature
from tensorsmith.tfrecord.schema import COMPLEX, FLOATS, NAN, STRINGS

STRATEGIES = ("mean", "median", "most_frequent", "constant")
EXACT = ("most_frequent", "constant")  # strategies for strings and class indices
PIECE = 65_536  # filled values that are added to statistics at once


@dataclass(frozen=True)
class Impute:
    """Replaces missing values of a feature by a statistic of the other values, as `sklearn.impute.SimpleImputer`.

    A number is missing if it is NaN or equal to the `default` of the feature in the schema. A string is missing if it
    is equal to the `default`, which is empty unless the schema has another one. An `Imputer` replaces missing values
    before the feature is preprocessed, so that statistics such as the mean include the replaced values.

    Args:
        strategy: "mean" or "median" for numbers; "most_frequent", which is the smallest of equally frequent values; or
            "constant". The median is exact for up to 200,000 values and estimated from a sample for more.
        fill_value: Value for the strategy "constant". If `None`, 0 for numbers and "missing_value" for strings.
        add_indicator: If `True`, the spec has an additional output `NAME_missing`, which is 1 for missing values and 0
            otherwise.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> Impute("median", add_indicator=True)
        Impute(strategy='median', fill_value=None, add_indicator=True)
    """

    strategy: str = "mean"
    fill_value: str | float | None = None
    add_indicator: bool = False

    def __post_init__(self) -> None:
        check(self.strategy in STRATEGIES, "strategy", self.strategy, " or ".join(map(repr, STRATEGIES)))
        unused = self.fill_value is not None and self.strategy != "constant"
        check(not unused, "fill_value", self.fill_value, 'None unless `strategy` is "constant"')
        finite = self.fill_value is None or isinstance(self.fill_value, str) or math.isfinite(self.fill_value)
        check(finite, "fill_value", self.fill_value, "a finite number")

    def mistakes(self, name: str, feature: Feature) -> list[ArgumentError]:
        """Returns the validation errors of the imputation of a feature."""
        if feature.dtype in COMPLEX or values_per_example(feature) != 1:
            return [argument_error(name, feature, "a single string or real number to be imputed")]
        if feature.dtype in STRINGS and self.strategy not in EXACT:
            remedy = 'pass "most_frequent" or "constant"'
            return [argument_error(name, feature.dtype, f"contain numbers to be imputed by {self.strategy}", remedy)]
        value = self.fill_value
        text = feature.dtype in STRINGS
        fits = value is None or isinstance(value, str if text else int | float)
        if not text and value is not None and fits and feature.dtype not in (*FLOATS, "float64"):
            fits = value == int(value)
        expected = f"imputed by a value of dtype {feature.dtype}"
        return [] if fits else [argument_error(name, value, expected)]

    def result(self, feature: Feature) -> Feature:
        """Returns the feature after imputation: integers become float64, unless the strategy preserves integers."""
        if feature.dtype in (*STRINGS, *FLOATS, "float64"):
            return dataclasses.replace(feature, optional=False, default=None)
        if self.strategy not in EXACT:
            return Feature("float64", feature.shape, format=feature.format)
        dtype = "int64" if feature.dtype == "bool" else feature.dtype
        return dataclasses.replace(feature, dtype=dtype, optional=False, default=None)

    def statistics(self, seed: int) -> "FillStatistics":
        """Returns an accumulator for the fill value and the number of missing values."""
        accumulators = {"mean": Moments, "median": lambda: Quantiles(seed=seed), "most_frequent": TokenCounts}
        return FillStatistics(self, accumulators[self.strategy]() if self.strategy in accumulators else None)

    def is_missing(self, feature: Feature, rows: np.ndarray) -> np.ndarray:
        """Returns a boolean mask of the missing values in rows of shape `(batch, 1)`."""
        if feature.dtype in STRINGS:
            return np.asarray(rows[:, 0] == (feature.default or "").encode())  # type: ignore[union-attr]
        marked = feature.default not in (None, NAN)
        missing = rows[:, 0] == feature.default if marked else np.zeros(len(rows), "bool")
        return missing | np.isnan(rows[:, 0]) if rows.dtype.kind == "f" else missing

    def layer(self, feature: Feature, fill_value: Any, output: str = "values") -> Imputer:
        """Returns a layer that replaces or indicates missing values of shape `(batch, 1)`."""
        marker = None if feature.default == NAN and feature.dtype not in STRINGS else feature.default
        cast = None
        if feature.dtype not in STRINGS:
            result = self.result(feature).dtype
            cast = "float64" if result in (*FLOATS, "float64") else "int64"
        return Imputer(fill_value, marker, output, cast)


class FillStatistics:
    """Accumulator of the value that replaces missing values, and of the number of missing values.

    Args:
        impute: Strategy of the imputation.
        accumulator: Statistics of the values that are not missing, or `None` for a constant.
    """

    def __init__(self, impute: Impute, accumulator: Any) -> None:
        self._impute, self.accumulator = impute, accumulator
        self.present = self.missing = 0

    def update(self, values: np.ndarray, missing: int) -> None:
        """Updates the statistics with the values that are not missing and the number of missing values."""
        if self.accumulator is not None and len(values):
            self.accumulator.update(values)
        self.present, self.missing = self.present + len(values), self.missing + missing

    def fill_value(self, feature: Feature) -> Any:
        """Returns the value that replaces missing values.

        Raises:
            ValueError: If the data contains only missing values, and the strategy is not "constant".
        """
        if self._impute.strategy == "constant":
            default: Any = "missing_value" if feature.dtype in STRINGS else 0
            return default if self._impute.fill_value is None else self._impute.fill_value
        expected = f"contain values from which to compute the {self._impute.strategy.replace('_', ' ')} value"
        check(self.present > 0, "data", self.present, expected, 'use the strategy "constant"')
        if self._impute.strategy == "mean":
            return float(self.accumulator.mean[0])
        if self._impute.strategy == "median":
            return self.accumulator.median()
        return as_text(self.accumulator.most_frequent(1)[0])

    def completed(self, statistics: Any, feature: Feature) -> Any:
        """Returns a copy of statistics of the values that are not missing, to which the filled values are added."""
        complete, value = copy.deepcopy(statistics), self.fill_value(feature)
        for count in _pieces(self.missing):
            filled = np.empty((count, 1), object if feature.dtype in STRINGS else self._impute.result(feature).dtype)
            filled[:] = value.encode() if isinstance(value, str) else value
            complete.update(filled)
        return complete


def _pieces(count: int) -> Iterator[int]:
    """Yields integers up to `PIECE` whose sum is `count`."""
    yield from [PIECE] * (count // PIECE)
    if count % PIECE:
        yield count % PIECE
