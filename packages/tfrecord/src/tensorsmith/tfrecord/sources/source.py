"""Where examples come from: rows in Arrow's form."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tensorsmith.tfrecord.schema import Schema


@dataclass(frozen=True)
class Reject:
    """A row that is not taken.

    Attributes:
        file: Where it is.
        row: Its number there, from 1 on; of text files the line it begins in.
        column: The column at fault; empty where it is the row as a whole.
        problem: What is wrong, with what was received and what was expected.
    """

    file: str
    row: int
    column: str
    problem: str

    def __str__(self) -> str:
        column = f", column {self.column}" if self.column else ""
        return f"{self.file}, row {self.row:,}{column}: {self.problem}"


@dataclass(frozen=True)
class Batch:
    """Some rows.

    Attributes:
        rows: A `pyarrow.RecordBatch` with a column for each feature. Values may be texts where the schema has numbers.
        file: The file they come from.
        numbers: Of each row, its number in the file from 1 on; of text files the line it begins in: int64 `(rows,)`.
        rejects: Rows between these that the source could not read.
        places: Of each row the file, and its number there, where the rows are of several files; otherwise empty.
    """

    rows: Any
    file: str
    numbers: Any
    rejects: list[Reject] = field(default_factory=list)
    places: Sequence[tuple[str, int]] = ()

    def place(self, row: int) -> tuple[str, int]:
        """The file of a row, and its number there."""
        return self.places[row] if self.places else (self.file, int(self.numbers[row]))


class Source(Protocol):
    """Rows, which come in the same order each time, in the same batches.

    Attributes:
        files: What they are read from.
        options: How, besides.
    """

    files: list[Path]
    options: Mapping[str, Any]

    def infer(self) -> Schema:
        """What all of them hold."""

    def batches(self, schema: Schema) -> Iterator[Batch]:
        """All rows, some thousand at a time (or some megabytes), whatever memory the whole would take."""
