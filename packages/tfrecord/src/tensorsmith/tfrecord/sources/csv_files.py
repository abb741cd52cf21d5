"""CSV and TSV files as a data source."""

import codecs
import csv
import io
import itertools
import zlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from tensorsmith.core import check, did_you_mean
from tensorsmith.tfrecord.sources.files import GZIP_ERRORS, UnreadableError, open_plain
from tensorsmith.tfrecord.sources.source import Batch, Reject
from tensorsmith.tfrecord.sources.table import TableSource

BLOCK, LARGEST = 2 << 20, 64 << 20  # size of a block in bytes; larger rows are read with the second size, the maximum


class CsvFiles(TableSource):
    """Data source for CSV and TSV files with column names in the first line. All values are strings.

    Cells are separated by commas, or by tabs or semicolons if the first line has no comma. An empty cell is a missing
    value; `""` is an empty string. Empty lines are skipped. A column without a name is called `column_1` and so on,
    after its number.

    Args:
        files: Paths of the CSV and TSV files. If a file lacks a column that other files contain, the values of the
            column are null in the rows of this file.
        encoding: Character encoding of the files, as a Python codec name.
    """

    untyped = True
    by_file = True

    def __init__(self, files: list[Path], encoding: str = "utf-8") -> None:
        self.files, self._encoding = files, check_encoding(encoding)

    def rows(self) -> Iterator[Batch]:
        """Yields all rows of the data source in batches."""
        for path in self.files:
            last = 0
            try:
                for batch in self._file(path, BLOCK):
                    last = max([last, *batch.numbers[-1:].tolist(), *(reject.row for reject in batch.rejects[-1:])])
                    yield batch
            except _LargeRowError:
                for batch in self._file(path, LARGEST):  # reads the file again and skips the rows already yielded
                    later = batch.numbers > last
                    rejects = [reject for reject in batch.rejects if reject.row > last]
                    yield Batch(batch.rows.filter(pa.array(later)), batch.file, batch.numbers[later], rejects)

    def _file(self, path: Path, block: int) -> Iterator[Batch]:
        """Yields the rows of one CSV file in batches."""
        names, delimiter, line, ending = self._header(path)
        if not names:
            raise UnreadableError(path, "the first line must hold the column names, but is empty")
        refused: list[Any] = []
        reading = arrow_csv.ReadOptions(
            column_names=names, skip_rows_after_names=1, block_size=block, use_threads=False, encoding=self._encoding
        )
        parsing = arrow_csv.ParseOptions(
            delimiter=delimiter,
            newlines_in_values=True,
            ignore_empty_lines=False,
            invalid_row_handler=lambda row: refused.append(row) or "skip",  # type: ignore[func-returns-value]
        )
        texts = {name: pa.string() for name in names}
        converting = arrow_csv.ConvertOptions(
            column_types=texts, strings_can_be_null=True, null_values=[""], quoted_strings_can_be_null=False
        )
        lines = _Lines(path, refused, line, ending, self._encoding)
        try:
            file = _Followed(open_plain(path), self._encoding, block)
            with file, arrow_csv.open_csv(file, reading, parsing, converting) as reader:
                for rows in reader:
                    yield lines.batch(rows)
            yield lines.batch(pa.RecordBatch.from_pylist([], pa.schema(texts)), at_end=True)
            if _is_open(file.tail.decode(self._encoding, "replace").split(ending), lines.height, delimiter):
                raise UnreadableError(path, f"a quote is not closed, in the row that begins in line {lines.last:,}")
        except (*GZIP_ERRORS, zlib.error) as error:
            raise UnreadableError(path, str(error)) from None
        except (pa.ArrowInvalid, UnicodeError) as error:
            if "straddling" in str(error):
                if block < LARGEST:
                    raise _LargeRowError from None
                raise UnreadableError(path, f"a row is larger than {block >> 20} MiB; is a quote not closed?") from None
            raise UnreadableError(path, wrong_encoding(path, self._encoding) or str(error)) from None
        finally:
            lines.close()

    def _header(self, path: Path) -> tuple[list[str], str, int, str]:
        """Returns the column names, the delimiter, the line number of the first row, and the line ending."""
        encoding = "utf-8-sig" if codecs.lookup(self._encoding).name == "utf-8" else self._encoding
        try:
            with io.TextIOWrapper(open_plain(path), encoding, newline="") as file:
                first = file.readline(BLOCK)
                delimiter = next((mark for mark in "\t;" if mark in first and "," not in first), ",")
                reader = csv.reader(itertools.chain([first], file), delimiter=delimiter, strict=True)
                names = next(reader, [])
        except UnicodeError:
            raise UnreadableError(path, wrong_encoding(path, self._encoding)) from None
        except (csv.Error, *GZIP_ERRORS, zlib.error) as error:
            raise UnreadableError(path, f"first line: {error}") from None
        names = [name.strip() or f"column_{number}" for number, name in enumerate(names, 1)]
        double = next((name for name in names if names.count(name) > 1), None)
        if double is not None:
            raise UnreadableError(path, f"duplicate column `{double}`")
        return names, delimiter, reader.line_num + 1, "\r" if first.endswith("\r") else "\n"


class _LargeRowError(Exception):
    """Error raised if a CSV row is larger than the blocks in which files are read."""


class _Followed(io.RawIOBase):
    """File wrapper that stores the last bytes that were read: one block or more, or the entire file if it is small.

    All content is checked against the encoding, as Arrow does not check rows that it rejects.
    """

    def __init__(self, file: BinaryIO, encoding: str, block: int) -> None:
        self._file, self._parts, self._block = file, deque[bytes](), block
        self._decoder = codecs.getincrementaldecoder(encoding)()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._decoder.decode(data, final=not data)
        self._parts.append(data)
        while sum(map(len, self._parts)) - len(self._parts[0]) >= self._block:
            self._parts.popleft()
        return data

    @property
    def tail(self) -> bytes:
        return b"".join(self._parts)

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()


def _is_open(lines: list[str], height: int, delimiter: str) -> bool:
    """Returns `True` if the last row contains an unclosed quote, which Arrow does not report."""
    last = lines[:-1] if not lines[-1] else lines
    csv.field_size_limit(max(csv.field_size_limit(), LARGEST))  # global to all readers of the csv module
    try:
        list(csv.reader(last[-height:], delimiter=delimiter, strict=True))
    except csv.Error as error:
        return "end of data" in str(error)
    return False


class _Lines:
    """Counter of the lines in a CSV file, which accounts for multi-line cells and rejected rows."""

    def __init__(self, path: Path, refused: list[Any], line: int, ending: str, encoding: str) -> None:
        self._path, self._refused, self._line, self._row = path, refused, line, 2  # Arrow counts the header as row 1
        self._ending, self._encoding = ending, encoding
        self.last, self.height = line, 1  # line number of the last row, and its number of lines
        self._content: Any = None
        self._read = 0

    def batch(self, rows: Any, at_end: bool = False) -> Batch:
        """Returns a batch of rows without blank lines, including the line numbers and the rejected rows."""
        breaks = [pc.fill_null(pc.count_substring(column, self._ending), 0).to_numpy() for column in rows.columns]
        heights = 1 + np.sum(breaks, axis=0, dtype="int64")
        numbers, rejects, at = np.empty(len(heights), "int64"), [], 0
        while self._refused and (at_end or self._refused[0].number <= self._row + len(heights) - at):
            row = self._refused.pop(0)
            end = at + row.number - self._row
            self._number(numbers, heights, at, end)
            rejects.append(_reject(self._path, self._line, row))
            self.last, self.height = self._line, 1 + row.text.count(self._ending)
            self._line, self._row, at = self._line + self.height, row.number + 1, end
        self._row += len(heights) - at
        self._number(numbers, heights, at, len(heights))
        nothing = np.logical_and.reduce([column.is_null().to_numpy(zero_copy_only=False) for column in rows.columns])
        kept = ~nothing
        for empty in np.flatnonzero(nothing):
            kept[empty] = not self._is_blank(numbers[empty])
        if not kept.all():
            rows, numbers = rows.filter(pa.array(kept)), numbers[kept]
        return Batch(rows, str(self._path), numbers, rejects)

    def _number(self, numbers: Any, heights: Any, begin: int, end: int) -> None:
        ends = self._line + np.cumsum(heights[begin:end])
        numbers[begin:end] = ends - heights[begin:end]
        if len(ends):
            self.last, self.height, self._line = int(numbers[end - 1]), int(heights[end - 1]), int(ends[-1])

    def _is_blank(self, number: int) -> bool:
        """Returns `True` if a line is empty. Line numbers must be passed in increasing order."""
        if self._content is None:
            self._content = io.TextIOWrapper(open_plain(self._path), self._encoding, "replace", self._ending)
        line = next(itertools.islice(self._content, int(number) - self._read - 1, None), "")
        self._read = int(number)
        return not line.strip("\r\n")

    def close(self) -> None:
        if self._content is not None:
            self._content.close()


def _reject(path: Path, line: int, row: Any) -> Reject:
    shown = row.text if len(row.text) <= 80 else row.text[:80] + "..."
    return Reject(str(path), line, "", f"expected {row.expected_columns} fields, got {row.actual_columns}: {shown!r}")


def check_encoding(encoding: str) -> str:
    """Returns the encoding, or raises an error if Python does not support it."""
    try:
        codecs.lookup(encoding)
        known = True
    except LookupError:
        known = False
    guess = did_you_mean(encoding, ("utf-8", "latin-1", "cp1252", "utf-16"))
    check(known, "encoding", encoding, "an encoding supported by Python, such as latin-1", guess)
    return encoding


def wrong_encoding(path: Path, encoding: str) -> str:
    """Returns a description of the first invalid bytes in a file, or an empty string if the file is valid."""
    decoder, line = codecs.getincrementaldecoder(encoding)(), 1
    try:
        with open_plain(path) as file:
            while data := file.read(1 << 16):
                line += decoder.decode(data).count("\n")
            decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        line += error.object[: error.start].decode(error.encoding).count("\n")
        found = error.object[error.start : error.end]
        return f"line {line:,} contains the bytes {found!r}, which are invalid in {encoding}; pass the encoding"
    except UnicodeError as error:
        return f"it is not {encoding}: {error}; pass the encoding"
    except (*GZIP_ERRORS, zlib.error) as error:
        return str(error)
    return ""
