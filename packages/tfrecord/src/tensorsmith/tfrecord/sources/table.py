"""Base class of all sources: inference of a schema from all columns, and selection of the columns of a schema."""

import copy
import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from tensorsmith.core import argument_error, did_you_mean
from tensorsmith.tfrecord.schema import Feature, Schema
from tensorsmith.tfrecord.sources.inference import Found, Survey
from tensorsmith.tfrecord.sources.source import Batch

MOST_ROWS, MOST_BYTES = 4096, 8 << 20  # approximate limits of a batch


class Table(ABC):
    """Base class of sources of rows.

    Attributes:
        files: The files that are read.
        options: Further options, set by `open_source`.
        untyped: If `True`, all values are strings.
        written: If `True`, numbers come from decimal text.
        by_file: If `True`, the rows of each file are independent, so that files can be read separately.
        before: Number of files before these, for a part of a source.
    """

    files: list[Path]
    options: Mapping[str, Any] = MappingProxyType({})
    untyped = False
    written = False
    by_file = False
    before = 0

    def part(self, begin: int, end: int) -> "Table":
        """Returns a source of some of the files; rows keep their numbers in the whole source."""
        part = copy.copy(self)
        part.files, part.before = self.files[begin:end], self.before + begin
        return part

    @abstractmethod
    def rows(self) -> Iterator[Batch]:
        """Yields batches of all rows, with all columns."""

    def rows_for(self, schema: Schema) -> Iterator[Batch]:
        """Yields batches of all rows, with columns that may be closer to the types of a schema."""
        return self.rows()

    def survey(self, watch: Callable[[Batch], None] = lambda batch: None) -> Found:
        """Reads all rows and infers their schema.

        Args:
            watch: Function called with each batch, to report progress.

        Returns:
            The schema, with the rejects, missing values and vocabularies that were found.
        """
        survey = Survey(self.untyped, self.written)
        for batch in self.rows():
            survey.add(batch)
            watch(batch)
        return survey.found(self.known())

    def known(self) -> Mapping[str, Feature]:
        """Returns features that the source knows in more detail than their values show, once all rows were read."""
        return {}

    def infer(self) -> Schema:
        """Returns the schema of all rows."""
        return self.survey().schema

    def batches(self, schema: Schema) -> Iterator[Batch]:
        """Yields batches of all rows with the columns of a schema; missing optional columns are null.

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
    """Returns the columns of a schema, in its order."""
    there = set(rows.schema.names)
    columns = [rows.column(name) if name in there else pa.nulls(rows.num_rows) for name in schema.features]
    if not columns:
        return rows.select([])
    return pa.RecordBatch.from_arrays(columns, list(schema.features))


def nameless(count: int) -> Any:
    """Returns rows without any column."""
    return pa.RecordBatch.from_struct_array(pa.array([{}] * count, pa.struct([])))


def check_names(schema: Schema, names: list[str]) -> None:
    """Raises an error if a column that is not optional is missing."""
    there = set(names)
    for name, feature in schema.features.items():
        if name not in there and not feature.optional:
            expected = f"one of the columns {', '.join(names)}"
            raise argument_error("schema", name, expected, did_you_mean(name, names))
