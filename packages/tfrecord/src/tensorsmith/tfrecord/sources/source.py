"""Interface of sources, which provide rows in Arrow format."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tensorsmith.tfrecord.schema import Schema


@dataclass(frozen=True)
class Reject:
    """A rejected row.

    Attributes:
        file: The file that contains the row.
        row: Number of the row in the file, starting from 1; in text files, the line in which the row begins.
        column: Name of the invalid column; empty if the row as a whole is invalid.
        problem: Description of the problem, with the received and the expected value.
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
    """A batch of rows of a source.

    Attributes:
        rows: A `pyarrow.RecordBatch` with a column for each feature. Numbers may be given as strings.
        file: The file that the rows come from.
        numbers: Number of each row in the file, starting from 1, int64 `(rows,)`; in text files, the line in which the
            row begins.
        rejects: Rows in the range of this batch that the source could not read.
        places: File of each row and number in that file, if the rows come from several files; otherwise empty.
    """

    rows: Any
    file: str
    numbers: Any
    rejects: list[Reject] = field(default_factory=list)
    places: Sequence[tuple[str, int]] = ()

    def place(self, row: int) -> tuple[str, int]:
        """Returns the file of a row, and its number in that file."""
        return self.places[row] if self.places else (self.file, int(self.numbers[row]))


class Source(Protocol):
    """Interface of a source of rows. Each iteration yields the same batches in the same order.

    Attributes:
        files: The files that are read.
        options: Further options of the source.
    """

    files: list[Path]
    options: Mapping[str, Any]

    def infer(self) -> Schema:
        """Returns the schema of all rows."""

    def batches(self, schema: Schema) -> Iterator[Batch]:
        """Yields all rows in batches of some thousand rows or some megabytes, so that memory use is bounded."""
