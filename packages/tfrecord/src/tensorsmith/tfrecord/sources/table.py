"""Base class for data sources, which infers schemas and selects the columns of a schema."""

import copy
import dataclasses
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa

from tensorsmith.core import argument_error, did_you_mean
from tensorsmith.tfrecord.schema import Feature, Schema
from tensorsmith.tfrecord.sources.inference import Found, Survey
from tensorsmith.tfrecord.sources.number_styles import PLAIN
from tensorsmith.tfrecord.sources.source import Batch, rejected_link

MOST_SKIPPED = 3  # skipped files that are shown
MOST_ROWS, MOST_BYTES = 4096, 8 << 20  # approximate limits of a batch


class TableSource(ABC):
    """Base class for all data sources.

    Attributes:
        files: The files that are read.
        options: Further options, set by `open_source`.
        skipped: Files among images or audio files that are of another kind and are not read, set by `open_source`.
        untyped: If `True`, all values are strings.
        number_style: Decimal point and thousands separator of numbers, if `untyped` is `True`.
        numeric_threshold: Fraction of the strings in a column that must be numbers for a numeric dtype, if `untyped` is
            `True`.
        written: If `True`, numbers originate from decimal text.
        by_file: If `True`, the rows of each file are independent, so that files can be read separately.
        before: Number of files before these, for a part of a source.
        found: Result of the last call of `infer`.
    """

    files: list[Path]
    options: Mapping[str, Any] = MappingProxyType({})
    skipped: Sequence[Path] = ()
    untyped = False
    number_style = PLAIN
    numeric_threshold = 1.0
    written = False
    by_file = False
    before = 0
    found: Found | None = None

    def part(self, begin: int, end: int) -> "TableSource":
        """Returns a data source with a subset of the files. The row numbers remain unchanged."""
        part = copy.copy(self)
        part.files, part.before = self.files[begin:end], self.before + begin
        return part

    def describe_skipped(self) -> str:
        """Returns a line with the number and the first names of the skipped files."""
        shown = ", ".join(json.dumps(str(path))[1:-1] for path in self.skipped[:MOST_SKIPPED])
        shown += ", ..." if len(self.skipped) > MOST_SKIPPED else ""
        files = "file" if len(self.skipped) == 1 else "files"
        return f"Skipped {len(self.skipped):,} {files} of another kind: {shown}"

    @abstractmethod
    def rows(self) -> Iterator[Batch]:
        """Yields all rows of the data source in batches that contain all columns."""

    def rows_for(self, schema: Schema) -> Iterator[Batch]:
        """Yields all rows in batches. Subclasses may choose the column types to match the schema."""
        return self.rows()

    def survey(self, watch: Callable[[Batch], None] = lambda batch: None) -> Found:
        """Reads all rows and returns the inferred schema.

        Args:
            watch: Function that is called with each batch to report progress.

        Returns:
            The schema, with the rejects, missing values and vocabularies that were found.
        """
        survey = Survey(self.untyped, self.written, self.number_style, self.numeric_threshold)
        for batch in self.rows():
            survey.add(batch)
            watch(batch)
        found = survey.found(self.known())
        return dataclasses.replace(found, schema=dataclasses.replace(found.schema, csv=self.csv_options()))

    def csv_options(self) -> Mapping[str, Any]:
        """Returns the options to store in the schema of a CSV file. All rows must have been read."""
        return {}

    def comments(self) -> list[str]:
        """Returns sentences for the review of the rows, all of which must have been read."""
        return []

    def known(self) -> Mapping[str, Feature]:
        """Returns the features that the data source determines without inference. All rows must have been read."""
        return {}

    def infer(self) -> Schema:
        """Returns the schema that is inferred from all rows."""
        self.found = self.survey()
        return self.found.schema

    def batches(self, schema: Schema) -> Iterator[Batch]:
        """Yields all rows in batches that contain the columns of a schema. Missing optional columns are null.

        Raises:
            ValueError: If the first rows lack a required column.
        """
        checked = self.before > 0
        for batch in self.rows_for(schema):
            if not checked and batch.rows.num_rows:
                check_names(schema, batch.rows.schema.names)
                checked = True
            yield dataclasses.replace(batch, rows=select(batch.rows, schema))


def select(rows: Any, schema: Schema) -> Any:
    """Returns a record batch with the columns of a schema, in schema order."""
    there = set(rows.schema.names)
    columns = [rows.column(name) if name in there else pa.nulls(rows.num_rows) for name in schema.features]
    if not columns:
        return rows.select([])
    return pa.RecordBatch.from_arrays(columns, list(schema.features))


def nameless(count: int) -> Any:
    """Returns a record batch of `count` rows without columns."""
    return pa.RecordBatch.from_struct_array(pa.array([{}] * count, pa.struct([])))


def link_batch(path: Path) -> Batch | None:
    """Returns a batch without rows that rejects a dangling or circular symbolic link, or `None` for any other path."""
    reject = rejected_link(path)
    none = np.empty(0, "int64")
    return Batch(nameless(0), str(path), none, [reject], lines=none) if reject else None


def check_names(schema: Schema, names: list[str]) -> None:
    """Raises an error if a required column is missing."""
    there = set(names)
    for name, feature in schema.features.items():
        if name not in there and not feature.optional:
            expected = f"contain only the columns {', '.join(names)}"
            raise argument_error("schema", name, expected, did_you_mean(name, names))
