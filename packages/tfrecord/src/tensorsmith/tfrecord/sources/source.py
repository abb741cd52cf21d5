"""Interface of data sources, which provide rows in Arrow format."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tensorsmith.tfrecord.schema import Schema


@dataclass(frozen=True)
class Reject:
    """Rejected row and the reason for its rejection.

    Attributes:
        file: Path of the file that contains the row.
        row: Number of the row in the file, starting from 1. A header, blank lines and comments are not rows.
        column: Name of the invalid column. Empty if the entire row is invalid.
        problem: Description of the problem, with the received and the expected value.
        line: In text files, the line in which the row begins, starting from 1; `None` in other files.
    """

    file: str
    row: int
    column: str
    problem: str
    line: int | None = None

    def __str__(self) -> str:
        row = f"line {self.line:,} (row {self.row:,})" if self.line else f"row {self.row:,}"
        column = f", column {self.column}" if self.column else ""
        return f"{self.file}, {row}{column}: {self.problem}"


def rejected_link(path: Path) -> Reject | None:
    """Returns the reject for a dangling or circular symbolic link, or `None` for any other path."""
    if not path.is_symlink() or path.exists():
        return None
    try:
        path.stat()
    except OSError as error:
        return Reject(str(path), 1, "", f"the file cannot be read: {error.strerror}")
    return None  # the target was created in the meantime


@dataclass(frozen=True)
class Batch:
    """Batch of rows that a data source yields.

    Attributes:
        rows: Arrow record batch with one column per feature. Numbers may be represented as strings.
        file: Path of the file that contains the rows.
        numbers: Number of each row in the file, starting from 1, int64 `(rows,)`.
        rejects: Rows in the range of this batch that the source could not read.
        positions: File and row number of each row if the rows belong to several files, otherwise empty.
        lines: In text files, the line in which each row begins, starting from 1, int64 `(rows,)`; otherwise `None`.
        verified: Names of columns of image files that the source has decoded, so that they are not verified again.
    """

    rows: Any
    file: str
    numbers: Any
    rejects: list[Reject] = field(default_factory=list)
    positions: Sequence[tuple[str, int]] = ()
    lines: Any = None
    verified: Collection[str] = ()

    def reject(self, row: int, column: str, problem: str) -> Reject:
        """Returns a `Reject` of a row of this batch, given the index of the row."""
        file, number = self.positions[row] if self.positions else (self.file, int(self.numbers[row]))
        return Reject(file, number, column, problem, None if self.lines is None else int(self.lines[row]))


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
