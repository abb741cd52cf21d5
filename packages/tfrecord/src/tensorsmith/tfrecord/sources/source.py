"""Interface of data sources, which provide rows in Arrow format."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tensorsmith.tfrecord.schema import Schema


@dataclass(frozen=True)
class Reject:
    """Rejected row and the reason for its rejection.

    Attributes:
        file: Path of the file that contains the row.
        row: Number of the row in the file, starting from 1; in text files, the line in which the row begins.
        column: Name of the invalid column. Empty if the entire row is invalid.
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
    """Batch of rows that a data source yields.

    Attributes:
        rows: Arrow record batch with one column per feature. Numbers may be represented as strings.
        file: Path of the file that contains the rows.
        numbers: Number of each row in the file, starting from 1, int64 `(rows,)`; in text files, the line in which the
            row begins.
        rejects: Rows in the range of this batch that the source could not read.
        positions: File and row number of each row if the rows belong to several files, otherwise empty.
    """

    rows: Any
    file: str
    numbers: Any
    rejects: list[Reject] = field(default_factory=list)
    positions: Sequence[tuple[str, int]] = ()

    def position(self, row: int) -> tuple[str, int]:
        """Returns the file that contains a row, and the row number in this file."""
        return self.positions[row] if self.positions else (self.file, int(self.numbers[row]))


class Source(Protocol):
    """Interface of data sources. Repeated iterations yield the same batches in the same order.

    Attributes:
        files: Paths of the files to read.
        options: Further options of the source.
    """

    files: list[Path]
    options: Mapping[str, Any]

    def infer(self) -> Schema:
        """Returns the schema of the examples, inferred from all rows."""

    def batches(self, schema: Schema) -> Iterator[Batch]:
        """Yields all rows in batches of limited size, so that the memory usage is limited."""
