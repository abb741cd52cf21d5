"""What all sources share: from rows with all their columns to a schema, and to the columns of a schema."""

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

MOST_ROWS, MOST_BYTES = 4096, 8 << 20  # of a batch, about


class Table(ABC):
    """A source of rows.

    Attributes:
        files: What it reads.
        options: How, besides; `open_source` fills it in.
        untyped: Whether all its values are texts.
        written: Whether its numbers are written in digits.
        by_file: Whether the rows of each file are its own, so that some files can be read without the others.
        before: How many files come before these, in a part.
    """

    files: list[Path]
    options: Mapping[str, Any] = MappingProxyType({})
    untyped = False
    written = False
    by_file = False
    before = 0

    def part(self, begin: int, end: int) -> "Table":
        """Some of its files, with the rows they have among all of them."""
        part = copy.copy(self)
        part.files, part.before = self.files[begin:end], self.before + begin
        return part

    @abstractmethod
    def rows(self) -> Iterator[Batch]:
        """All rows, with all columns."""

    def rows_for(self, schema: Schema) -> Iterator[Batch]:
        """All rows, whose columns may be nearer to those of a schema."""
        return self.rows()

    def survey(self, watch: Callable[[Batch], None] = lambda batch: None) -> Found:
        """Looks at all rows.

        Args:
            watch: Called with each batch, to show how far it is.
        """
        survey = Survey(self.untyped, self.written)
        for batch in self.rows():
            survey.add(batch)
            watch(batch)
        return survey.found(self.known())

    def known(self) -> Mapping[str, Feature]:
        """Features of which it knows more than their values show, once all rows were read."""
        return {}

    def infer(self) -> Schema:
        """What all rows hold."""
        return self.survey().schema

    def batches(self, schema: Schema) -> Iterator[Batch]:
        """All rows, with the columns of a schema; nulls where there is no such column.

        Raises:
            ValueError: The first rows lack a column that they must have.
        """
        checked = self.before > 0
        for batch in self.rows_for(schema):
            if not checked and batch.rows.num_rows:
                check_names(schema, batch.rows.schema.names)
                checked = True
            yield dataclasses.replace(batch, rows=select(batch.rows, schema))


def select(rows: Any, schema: Schema) -> Any:
    """The columns of a schema, in its order."""
    there = set(rows.schema.names)
    columns = [rows.column(name) if name in there else pa.nulls(rows.num_rows) for name in schema.features]
    if not columns:
        return rows.select([])
    return pa.RecordBatch.from_arrays(columns, list(schema.features))


def nameless(count: int) -> Any:
    """Rows without any column."""
    return pa.RecordBatch.from_struct_array(pa.array([{}] * count, pa.struct([])))


def check_names(schema: Schema, names: list[str]) -> None:
    """Raises an error about the first feature that has to be there and is not."""
    there = set(names)
    for name, feature in schema.features.items():
        if name not in there and not feature.optional:
            expected = f"one of the columns {', '.join(names)}"
            raise argument_error("schema", name, expected, did_you_mean(name, names))
