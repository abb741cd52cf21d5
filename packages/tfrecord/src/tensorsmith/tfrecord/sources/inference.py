"""Inference of a schema from all rows of a data source."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tensorsmith.tfrecord._support.arrow_numbers import COMPLEX_TYPES, is_complex
from tensorsmith.tfrecord.schema import COMPLEX, NAN, STRINGS, Feature, Schema
from tensorsmith.tfrecord.sources.date_columns import DateColumn
from tensorsmith.tfrecord.sources.mixed_dates import MixedDates, NotDates
from tensorsmith.tfrecord.sources.mixed_numbers import MixedNumbers, NotNumbers
from tensorsmith.tfrecord.sources.number_styles import PLAIN, NumberStyle
from tensorsmith.tfrecord.sources.numbers import WORDS, Numbers
from tensorsmith.tfrecord.sources.source import Batch, Reject

MOST_TEXTS = 100  # maximum size of a vocabulary
MOST_REJECTS = 10  # rejects that are kept


@dataclass(frozen=True)
class Found:
    """Result of inferring a schema from a data source.

    Attributes:
        schema: Schema inferred from all rows.
        rows: Number of rows that were read.
        refused: Number of rows that could not be read.
        rejects: First few rows that could not be read.
        missing: Names of features that some rows lack, mapped to the number of these rows.
        problems: Names of features with values that no schema supports, mapped to a description.
        not_numbers: Names of columns of strings that are numeric except for some rows, mapped to these rows.
        dates: Names of columns of dates or times mapped to the format, or to two formats if the day or the month may
            come first. Such a column remains a string.
        not_dates: Names of columns of strings that are dates except for some rows, mapped to these rows.
        booleans: Names of columns of dtype bool mapped to the strings for false and true, except "false" and "true".
        vocabularies: Sorted distinct strings of features that have 2 to 100 of them in more than ten times as many
            rows.
    """

    schema: Schema
    rows: int
    refused: int = 0
    rejects: list[Reject] = field(default_factory=list)
    missing: Mapping[str, int] = field(default_factory=dict)
    vocabularies: Mapping[str, list[str]] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    not_numbers: Mapping[str, NotNumbers] = field(default_factory=dict)
    dates: Mapping[str, list[str]] = field(default_factory=dict)
    booleans: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    not_dates: Mapping[str, NotDates] = field(default_factory=dict)


class Survey:
    """Incremental inference of a schema from batches of rows.

    Args:
        untyped: If `True`, a column of strings is inferred to be numeric if all of its strings represent numbers.
        written: If `True`, floats were parsed from decimal text. The inferred dtype is then float32 if it is
            sufficiently precise for all values.
        style: Decimal point and thousands separator of numbers, if `untyped` is `True`.
        threshold: Fraction of the strings in a column that must be numbers, if `untyped` is `True`.
    """

    def __init__(
        self, untyped: bool = False, written: bool = False, style: NumberStyle = PLAIN, threshold: float = 1.0
    ) -> None:
        self._untyped, self._written, self._style, self._threshold = untyped, written, style, threshold
        self._columns: dict[str, _Column] = {}
        self._rows = self._refused = 0
        self._rejects: list[Reject] = []

    def add(self, batch: Batch) -> None:
        """Updates the inference with a batch of rows."""
        for name, array in zip(batch.rows.schema.names, batch.rows.columns, strict=True):
            if name not in self._columns:
                self._columns[name] = _Column(self._untyped, self._written, self._style)
            self._columns[name].add(array, batch)
        self._rows += batch.rows.num_rows
        self._refused += len(batch.rejects)
        self._rejects += batch.rejects[: MOST_REJECTS - len(self._rejects)]

    def found(self, known: Mapping[str, Feature]) -> Found:
        """Returns the inferred schema of all rows processed so far.

        Args:
            known: Mapping from feature names to the features that the data source specifies. They replace the inferred
                features of the same names.
        """
        missing = {
            name: self._rows - column.present for name, column in self._columns.items() if column.present < self._rows
        }
        features = {
            name: _with_default(column.feature(name in missing, self._threshold))
            for name, column in self._columns.items()
        }
        features |= {name: dataclasses.replace(feature, optional=name in missing) for name, feature in known.items()}
        vocabularies = {
            name: sorted(column.texts)
            for name, column in self._columns.items()
            if features[name].dtype == "string" and column.texts and 1 < len(column.texts) < self._rows / 10
        }
        problems = {name: column.problem for name, column in self._columns.items() if column.problem}
        not_numbers = {name: found for name, column in self._columns.items() if (found := column.mixed.not_numbers)}
        dates = {name: column.dates.formats for name, column in self._columns.items() if column.dates.formats}
        booleans = {
            name: words
            for name, column in self._columns.items()
            if (words := column.mixed.words) and features[name].dtype == "bool" and words != WORDS[0]
        }
        not_dates = {name: rest for name, column in self._columns.items() if (rest := column.mixed_dates.not_dates)}
        counts = (self._rows, self._refused, self._rejects)
        return Found(
            Schema(features), *counts, missing, vocabularies, problems, not_numbers, dates, booleans, not_dates
        )


def _with_default(feature: Feature) -> Feature:
    """Returns a feature that is read as a dense tensor, if it is an optional scalar."""
    if not feature.optional or feature.shape or feature.dtype in COMPLEX:
        return feature
    return dataclasses.replace(feature, default="" if feature.dtype in STRINGS else NAN)


class _Column:
    """Properties of a column for schema inference, collected from the batches processed so far."""

    def __init__(self, untyped: bool, written: bool, style: NumberStyle) -> None:
        self._untyped, self._written = untyped, written
        self.mixed, self.dates, self.mixed_dates = MixedNumbers(style), DateColumn(), MixedDates()
        self._dtype, self._numbers = "", Numbers()
        self._sizes: list[int | None] = []
        self._rank: int | None = None
        self._of_one_rank = True
        self.present = 0
        self.problem = ""
        self.texts: set[str] | None = set()

    def add(self, array: Any, batch: Batch) -> None:
        self.present += len(array) - array.null_count
        if self._untyped:
            self._add_strings(array, batch)
            return
        depth = 0
        # Descend through the nested lists, recording the sizes at each level.
        while pa.types.is_nested(array.type) and not is_complex(array.type):
            if pa.types.is_fixed_size_list(array.type):
                sizes = [array.type.list_size] * (len(array) > array.null_count)
            else:
                sizes = pc.unique(pc.list_value_length(array).drop_null()).to_pylist()
            self._saw_sizes(depth, sizes)
            inner = array.flatten()
            if inner.null_count:
                self.problem = "some lists contain missing values"
            elif _is_uneven(array, inner):
                self.problem = "some lists contain lists of different lengths"
            array, depth = inner, depth + 1
        values = array.drop_null()
        if len(values):
            self._of_one_rank &= self._rank in (None, depth)
            self._rank = depth
            self._saw_values(values)

    def _add_strings(self, array: Any, batch: Batch) -> None:
        values = array.drop_null()
        if not len(values):
            return
        self._saw_texts(values)

        def position(index: int) -> tuple[str, int]:
            row = int(np.flatnonzero(np.asarray(array.is_valid()))[index])
            return batch.file, int(batch.lines[row])

        self.mixed.add(values, position)
        self.dates.add(values)
        self.mixed_dates.add(values, self.dates.formats, position)

    def feature(self, optional: bool, threshold: float) -> Feature:
        if self._untyped:
            dtype = self.mixed.dtype(threshold) if self.present else "string"
            return Feature(dtype, optional=optional) if dtype != "string" else self._text(optional)
        dtype = self._numbers.dtype if self._dtype == "number" else self._dtype or "string"
        if not self._of_one_rank:
            return Feature("string", optional=optional)
        if dtype == "string" and not self._sizes:
            return self._text(optional)
        return Feature(dtype, tuple(self._sizes), optional=optional)

    def _text(self, optional: bool) -> Feature:
        """Returns the feature of a column of single strings, which may be dates."""
        if len(self.dates.formats) != 1:
            return Feature("string", optional=optional)
        dtype = "float64" if self.dates.has_fractions else "int64"
        return Feature(dtype, optional=optional, format=self.dates.formats[0])

    def _saw_sizes(self, depth: int, sizes: list[int]) -> None:
        if not sizes:
            return
        size = sizes[0] if len(sizes) == 1 else None
        if depth == len(self._sizes):
            self._sizes.append(size)
        elif self._sizes[depth] != size:
            self._sizes[depth] = None

    def _saw_texts(self, values: Any) -> None:
        if self.texts is not None:
            self.texts.update(pc.unique(values).to_pylist())
            self.texts = self.texts if len(self.texts) <= MOST_TEXTS else None

    def _saw_values(self, values: Any) -> None:
        kind = values.type
        if pa.types.is_string(kind):
            self._saw_texts(values)
            self.dates.add(values)
        if self._written and (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            self._numbers.add(values.cast(pa.string()))
            self._dtype = _common(self._dtype, "number")
        else:
            name = "bytes" if pa.types.is_binary(kind) else _NAMES.get(str(kind), str(kind))
            self._dtype = _common(self._dtype, name)


def _is_uneven(lists: Any, inner: Any) -> bool:
    """Returns `True` if a column contains lists of lists whose lengths differ within a row."""
    if not pa.types.is_nested(inner.type) or is_complex(inner.type) or pa.types.is_fixed_size_list(inner.type):
        return False
    counts, lengths = (np.asarray(pc.list_value_length(level).drop_null()) for level in (lists, inner))
    begins = np.cumsum(counts) - counts
    return bool((np.repeat(lengths[begins[counts > 0]], counts[counts > 0]) != lengths).any())


_NAMES = {  # Arrow names that differ from NumPy's
    "halffloat": "float16",
    "float": "float32",
    "double": "float64",
    **{str(kind): name for name, kind in COMPLEX_TYPES.items()},
}


def _common(first: str, second: str) -> str:
    """Returns a dtype that can represent the values of both dtypes."""
    if first in ("", second):
        return second
    if first in STRINGS or second in STRINGS or "bool" in (first, second) or "number" in (first, second):
        return "bytes" if "bytes" in (first, second) else "string"
    return np.result_type(first, second).name
