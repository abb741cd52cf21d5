"""Reading of CSV, TSV and Parquet files as tables, with the types that `tensorsmith tfrecord infer` recognizes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tensorsmith.core import ArgumentError, UnreadableFileError, Verbatim, argument_error, check
from tensorsmith.tfrecord import Batch, Feature, Schema, open_source
from tensorsmith.tfrecord.encode.cast import cast_values, is_text
from tensorsmith.tfrecord.encode.rejections import brief
from tensorsmith.tfrecord.schema import COMPLEX, NAN
from tensorsmith.tfrecord.sources.csv_files import CsvFiles
from tensorsmith.tfrecord.sources.csv_options import CsvOptions, without_markers
from tensorsmith.tfrecord.sources.inference import Found, Survey
from tensorsmith.tfrecord.sources.mixed_numbers import NUMBER as NUMBERS
from tensorsmith.tfrecord.sources.number_styles import KNOWN, PLAIN, NumberStyle, plain_numbers
from tensorsmith.tfrecord.sources.parquet import ParquetFiles

NUMBER = r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*"
MISSING = ("pandas",)  # cells that are missing values, except in columns of strings; see `CsvOptions.missing`
ISO = {"date": "%Y-%m-%d", "datetime": "%Y-%m-%dT%H:%M:%S", "time": "%H:%M:%S"}
EXAMPLE = datetime(2024, 12, 31, 23, 59, 58)  # in error messages
# A number of which only the rest of the file tells whether the comma is a decimal comma or a thousands separator.
DOUBTFUL = r"^\s*[+-]?[1-9][0-9]{0,2},[0-9]{3}\s*$"


class Table:
    """Content of a CSV, TSV or Parquet file, whose columns are converted when they are requested.

    Args:
        path: Path of the file.
        batches: All rows of the file.
        argument: Name of the argument in error messages.
        known: Schema of columns whose types are known, such as those of the table with which a model was trained. The
            numbers of a CSV file are written as it specifies. Types of other columns are inferred from the file.

    Attributes:
        names: Names of the columns.
        count: Number of rows.
    """

    def __init__(self, path: Path, batches: Sequence[Batch], argument: str, known: Schema | None = None) -> None:
        self._path, self._batches, self._argument, self._known = path, batches, argument, known
        self._rows = pa.concat_tables([pa.table(batch.rows) for batch in batches]) if batches else pa.table({})
        self.names: tuple[str, ...] = tuple(self._rows.column_names)
        self.count: int = self._rows.num_rows

    @cached_property
    def schema(self) -> Schema:
        """Schema of all columns and, for a CSV file, the options with which they are read."""
        found, style = self._found
        empty = Feature("float32", optional=True, default=NAN)
        features = {
            name: empty if found.missing.get(name) == self.count else feature
            for name, feature in found.schema.features.items()
        }
        csv: dict[str, Any] = {"missing": list(MISSING)} if self._is_text else {}
        csv |= {"decimal": style.decimal} if style.decimal != "." else {}
        csv |= {"thousands": style.thousands} if style.thousands else {}
        if self._known is not None:
            features |= {name: self._known.features[name] for name in self.names if name in self._known.features}
            csv = dict(self._known.csv)
        return Schema(features, csv=csv)

    def column(self, name: str, feature: Feature | None = None) -> np.ndarray:
        """Returns the values of a column: numbers, of which missing ones are NaN, or strings as objects.

        Dates are days, and dates with times seconds since 1970-01-01. "yes" and "no" are `True` and `False`.

        Args:
            name: Name of the column.
            feature: Feature whose dtype and format the values have, or `None` for that of the schema.

        Raises:
            UnreadableFileError: If a value does not conform to the feature.
        """
        known = self._known.features.get(name) if self._known is not None else None
        feature = feature or known or self.schema.features[name]
        if feature.dtype == "string":
            return self.strings(name)
        received = Verbatim(f"{self._path}, whose column {name} has values of dtype {feature.dtype}")
        single = not feature.shape and feature.dtype not in ("bytes", *COMPLEX)
        check(single, self._argument, received, "a table of single numbers, strings and dates", "remove this column")
        return self._numbers(name, feature)

    def strings(self, name: str) -> np.ndarray:
        """Returns the cells of a column as strings, of which missing ones are empty."""
        return np.array(["" if value is None else str(value) for value in self._rows[name].to_pylist()], object)

    def is_yes_or_no(self, name: str) -> bool:
        """Returns `True` if a column of a CSV file contains "yes" and "no", or "y" and "n"."""
        return name in self._found[0].booleans

    def describe(self, name: str) -> str:
        """Returns a description of the values of a column of strings, with the reason that they are not numbers."""
        found, style = self._found
        if len(found.dates.get(name, ())) > 1:
            return f"{name} (dates in which the day or the month may come first)"
        if (rest := found.not_dates.get(name)) is not None:
            return f"{name} (dates except {brief(rest.text)} in line {rest.line:,}{_others(rest.count)})"
        cells = self._rows[name].combine_chunks()
        if not is_text(cells.type):
            return name
        cells = pc.utf8_trim_whitespace(cells.cast(pa.string()))
        for each in (style, *KNOWN):
            matches = pc.match_substring_regex(plain_numbers(cells, each), NUMBERS)
            count = pc.sum(pc.invert(matches)).as_py()
            if 0 < count < self.count / 2:
                index = pc.index(matches, False).as_py()
                exception = f"{brief(cells[index].as_py())} in {self._position(index)}{_others(count)}"
                return f"{name} (numbers except {exception})"
        return name

    def describe_options(self) -> str:
        """Returns a sentence on the decimal point and the thousands separator, or an empty string if they are usual."""
        style = self._found[1]
        parts = [f"the decimal point {style.decimal!r}"] if style.decimal != "." else []
        parts += [f"the thousands separator {style.thousands!r}"] if style.thousands else []
        return f"reading numbers with {' and '.join(parts)}" if parts else ""

    @property
    def doubtful_number(self) -> str:
        """Description of a number such as "1,234" if the file does not tell what its comma means, otherwise empty."""
        found, style = self._found
        if not self._is_text or style != NumberStyle(".", ","):
            return ""
        doubtful = ""
        for name, feature in found.schema.features.items():
            if feature.dtype == "string" or feature.format:
                continue
            cells = pc.utf8_trim_whitespace(self._rows[name].combine_chunks())
            if pc.any(pc.match_substring_regex(cells, r"^[+-]?[0-9,]*\.|,.*,")).as_py():
                return ""  # a decimal point, or two separators
            matches = np.asarray(pc.match_substring_regex(cells, DOUBTFUL).fill_null(False))
            if matches.any() and not doubtful:
                index = int(np.flatnonzero(matches)[0])
                doubtful = f"{brief(cells[index].as_py())} in column {name}, {self._position(index)}"
        return doubtful

    @property
    def _is_text(self) -> bool:
        return bool(self._batches) and self._batches[0].lines is not None

    @cached_property
    def _found(self) -> tuple[Found, NumberStyle]:
        """The result of inference, and the decimal point and thousands separator of numbers.

        They are those that all columns allow, so that no column of numbers becomes one of strings.
        """
        batches, style = self._batches, PLAIN
        if self._is_text:
            markers = CsvOptions(missing=MISSING).markers
            batches = [replace(batch, rows=without_markers(batch.rows, markers)) for batch in batches]
        found = _survey(batches, style, self._is_text)
        while len(others := [rest.style for name, rest in found.not_numbers.items() if rest.style]) > 0:
            again = _survey(batches, others[0], self._is_text)
            if not _strings(again) < _strings(found):
                break
            found, style = again, others[0]
        return found, style

    def _numbers(self, name: str, feature: Feature) -> np.ndarray:
        cells = self._rows[name].combine_chunks()
        style = PLAIN
        if is_text(cells.type):
            options = CsvOptions.of(self.schema.csv)
            style = options.style
            cells = without_markers(pa.record_batch([cells.cast(pa.string())], [name]), options.markers).column(0)
            cells = cells if feature.format else plain_numbers(cells, style)
        # Integers in the training data do not mean that all numbers are integers.
        for dtype in dict.fromkeys([feature.dtype, feature.dtype if feature.dtype == "bool" else "float64"]):
            wrong: dict[int, str] = {}
            values = cast_values(cells, replace(feature, dtype=dtype), dtype, wrong.__setitem__)
            if not wrong:
                break
        if wrong:
            raise self._cell_error(name, sorted(wrong), feature, style)
        missing = np.asarray(cells.is_null())
        return np.where(missing, np.nan, np.asarray(values, "float64")) if missing.any() else np.asarray(values)

    def _cell_error(self, name: str, wrong: Sequence[int], feature: Feature, style: NumberStyle) -> ArgumentError:
        value = brief(self._rows[name][wrong[0]].as_py())
        received = Verbatim(
            f"{value} in column {name}, {self._position(wrong[0])}{_others(len(wrong))}, of {self._path}"
        )
        kind = "numbers"
        if feature.format:
            example = EXAMPLE.strftime(ISO.get(feature.format, feature.format))
            kind = f"dates or times written as {example}"
        elif feature.dtype == "bool":
            kind = "yes or no, or true or false"
        elif style.decimal != ".":
            kind = "numbers with a decimal comma"
        trained = ", as in the training data" if self._known is not None else ""
        remedy = "correct the value, or leave the cell empty if it is missing"
        expected = f"a table whose column {name} contains {kind}{trained}"
        return UnreadableFileError.like(argument_error(self._argument, received, expected, remedy))

    def _position(self, index: int) -> str:
        """Returns the number of a row and, for a CSV file, of the line in which it begins."""
        for batch in self._batches:
            if index < batch.rows.num_rows:
                line = "" if batch.lines is None else f" (line {int(batch.lines[index]):,})"
                return f"row {int(batch.numbers[index]):,}{line}"
            index -= batch.rows.num_rows
        raise IndexError(index)


def read_table(path: Path, argument: str, known: Schema | None = None) -> Table:
    """Returns the table in a CSV, TSV or Parquet file. CSV and TSV files may be compressed with gzip.

    Args:
        path: Path of the file.
        argument: Name of the argument in error messages.
        known: Schema of columns whose types are known, as for `Table`.

    Raises:
        ValueError: If the file cannot be read, or its columns have no names or the same name.
    """
    try:
        source = open_source(path)
        check(isinstance(source, CsvFiles | ParquetFiles), "file", str(path), "a CSV, TSV or Parquet file")
        batches = list(source.rows())
    except (OSError, ArgumentError) as error:
        raise UnreadableFileError.like(argument_error(argument, str(path), "a readable table", str(error))) from error
    refused = next((reject for batch in batches for reject in batch.rejects), None)
    if refused is not None:
        raise UnreadableFileError.like(argument_error(argument, str(path), "a readable table", str(refused)))
    table = Table(path, batches, argument, known)
    numeric = isinstance(source, CsvFiles) and all(re.fullmatch(NUMBER, name) for name in table.names)
    remedy = "add a line with the names of the columns"
    check(not numeric, argument, Verbatim(f"{path} without column names"), "a table with column names", remedy)
    return table


def _others(count: int) -> str:
    """Returns the number of values besides the first one, as the end of a sentence."""
    return f", and {count - 1:,} more" if count > 1 else ""


def _survey(batches: Sequence[Batch], style: NumberStyle, is_text: bool) -> Found:
    survey = Survey(is_text, style=style)
    for batch in batches:
        survey.add(batch)
    return survey.found({})


def _strings(found: Found) -> set[str]:
    features: Mapping[str, Feature] = found.schema.features
    return {name for name, feature in features.items() if feature.dtype == "string"}
