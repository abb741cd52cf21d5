"""CSV and TSV files as a data source."""

import codecs
import csv
import dataclasses
import io
import itertools
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from tensorsmith.core import check
from tensorsmith.tfrecord.schema import STRINGS, Schema
from tensorsmith.tfrecord.sources.csv_header import Header, read_header, wrong_encoding
from tensorsmith.tfrecord.sources.csv_options import ROW_NAMES, CsvOptions, without_markers
from tensorsmith.tfrecord.sources.files import GZIP_ERRORS, UnreadableError, open_plain
from tensorsmith.tfrecord.sources.number_styles import plain_numbers
from tensorsmith.tfrecord.sources.source import Batch, Reject
from tensorsmith.tfrecord.sources.table import TableSource, link_batch

BLOCK, LARGEST = 2 << 20, 64 << 20  # size of a block in bytes; larger rows are read with the second size, the maximum


class CsvFiles(TableSource):
    """Data source for CSV and TSV files, by default with column names in the first line. All values are strings.

    Cells are separated by commas, or by tabs, semicolons or `|` if the first line has no comma. An empty cell is a
    missing value; `""` is an empty string. Empty lines are skipped. A column without a name is called `column_1` and so
    on, after its number. If each row has one field more than the header, the first field is a row name, as in files
    written by R, and becomes the column `row_names`.

    Args:
        files: Paths of the CSV and TSV files. If a file lacks a column that other files contain, the values of the
            column are null in the rows of this file.
        numeric_threshold: Fraction of the strings in a column that must be numbers for a numeric dtype.
        **options: Options with which the files are read; see `CsvOptions`. They take precedence over the options in a
            schema.
    """

    untyped = True
    by_file = True

    def __init__(self, files: list[Path], numeric_threshold: float = 1.0, **options: Any) -> None:
        sound = isinstance(numeric_threshold, int | float) and 0 < numeric_threshold <= 1
        check(sound, "numeric_threshold", numeric_threshold, "a number in (0, 1]")
        self.files, self.numeric_threshold = files, numeric_threshold
        self._given, self._csv = options, CsvOptions.of(options)
        self.number_style = self._csv.style
        self._with_row_names: dict[Path, bool] = {}  # files that were read, and whether they have row names

    def rows(self) -> Iterator[Batch]:
        """Yields all rows of the data source in batches."""
        return self._rows(self._csv)

    def rows_for(self, schema: Schema) -> Iterator[Batch]:
        """Yields all rows in batches. The files are read with the options in the schema, and numbers have a point."""
        csv = CsvOptions.of({**schema.csv, **self._given})
        texts = [name for name, feature in schema.features.items() if feature.dtype in STRINGS or feature.format]
        for batch in self._rows(csv):
            names = batch.rows.schema.names
            columns = [
                column if name in texts else plain_numbers(column, csv.style)
                for name, column in zip(names, batch.rows.columns, strict=True)
            ]
            yield dataclasses.replace(batch, rows=pa.RecordBatch.from_arrays(columns, names))

    def csv_options(self) -> Mapping[str, Any]:
        """Returns the options that were passed, and `row_names` if row names were found in all files."""
        names = {ROW_NAMES: True} if self._with_row_names and all(self._with_row_names.values()) else {}
        return names | {name: list(value) if isinstance(value, tuple) else value for name, value in self._given.items()}

    def _rows(self, csv: CsvOptions) -> Iterator[Batch]:
        for path in self.files:
            if link := link_batch(path):
                yield link
                continue
            last = 0
            try:
                for batch in self._file(path, csv, BLOCK):
                    last = max([last, *batch.lines[-1:].tolist(), *(reject.line or 0 for reject in batch.rejects[-1:])])
                    yield batch
            except _LargeRowError:
                for batch in self._file(path, csv, LARGEST):  # reads the file again, and skips the rows already yielded
                    later = batch.lines > last
                    rejects = [reject for reject in batch.rejects if (reject.line or 0) > last]
                    numbers, lines = batch.numbers[later], batch.lines[later]
                    yield Batch(batch.rows.filter(pa.array(later)), batch.file, numbers, rejects, lines=lines)

    def _file(self, path: Path, csv: CsvOptions, block: int) -> Iterator[Batch]:
        """Yields the rows of one CSV file in batches."""
        header = read_header(path, csv)
        self._with_row_names[path] = header.row_names
        if not header.names:
            raise UnreadableError(path, "the first line must hold the column names, but is empty")
        refused: list[Any] = []
        reading = arrow_csv.ReadOptions(
            column_names=header.names,
            skip_rows=header.skipped,
            skip_rows_after_names=int(csv.has_header),
            block_size=block,
            use_threads=False,
            encoding=csv.encoding,
        )
        parsing = arrow_csv.ParseOptions(
            delimiter=header.delimiter,
            newlines_in_values=True,
            ignore_empty_lines=False,
            invalid_row_handler=lambda row: refused.append(row) or "skip",  # type: ignore[func-returns-value]
        )
        texts = {name: pa.string() for name in header.names}
        converting = arrow_csv.ConvertOptions(
            column_types=texts, strings_can_be_null=True, null_values=[""], quoted_strings_can_be_null=False
        )
        markers = csv.markers
        lines = _Lines(path, refused, header, csv)
        try:
            file = _Followed(open_plain(path), csv.encoding, block)
            with file, arrow_csv.open_csv(file, reading, parsing, converting) as reader:
                for rows in reader:
                    batch = lines.batch(rows)
                    yield dataclasses.replace(batch, rows=without_markers(batch.rows, markers)) if markers else batch
            yield lines.batch(pa.RecordBatch.from_pylist([], pa.schema(texts)), at_end=True)
            tail = file.tail.decode(csv.encoding, "replace").split(header.ending)
            if _is_open(tail, lines.height, header.delimiter):
                raise UnreadableError(path, f"a quote is not closed, in the row that begins in line {lines.last:,}")
        except (*GZIP_ERRORS, zlib.error) as error:
            raise UnreadableError(path, str(error)) from None
        except (pa.ArrowInvalid, UnicodeError) as error:
            if "straddling" in str(error):
                if block < LARGEST:
                    raise _LargeRowError from None
                raise UnreadableError(path, f"a row is larger than {block >> 20} MiB; is a quote not closed?") from None
            raise UnreadableError(path, wrong_encoding(path, csv.encoding) or str(error)) from None
        finally:
            lines.close()


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
    """Counter of the lines and rows in a CSV file, which accounts for multi-line cells and rejected rows."""

    def __init__(self, path: Path, refused: list[Any], header: Header, csv: CsvOptions) -> None:
        self._path, self._refused, self._encoding, self._ending = path, refused, csv.encoding, header.ending
        self._comment = csv.comment
        self._line = header.first_line
        self._parsed = header.skipped + int(csv.has_header) + 1  # number of the next row as Arrow counts
        self._rows = 0  # rows so far, without blank lines and comments
        self.last, self.height = self._line, 1  # line number of the last row, and its number of lines
        self._content: Any = None
        self._read = 0

    def batch(self, rows: Any, at_end: bool = False) -> Batch:
        """Returns a batch of rows without blank lines and comments, including the line numbers and rejected rows."""
        breaks = [pc.fill_null(pc.count_substring(column, self._ending), 0).to_numpy() for column in rows.columns]
        heights = 1 + np.sum(breaks, axis=0, dtype="int64")
        lines, refused, at = np.empty(len(heights), "int64"), [], 0
        while self._refused and (at_end or self._refused[0].number <= self._parsed + len(heights) - at):
            row = self._refused.pop(0)
            end = at + row.number - self._parsed
            self._number(lines, heights, at, end)
            if not (self._comment and row.text.startswith(self._comment)):
                refused.append((self._line, row))
            self.last, self.height = self._line, 1 + row.text.count(self._ending)
            self._line, self._parsed, at = self._line + self.height, row.number + 1, end
        self._parsed += len(heights) - at
        self._number(lines, heights, at, len(heights))
        kept = self._kept(rows, lines)
        if not kept.all():
            rows, lines = rows.filter(pa.array(kept)), lines[kept]
        # Rows that were read and rejected rows are numbered together, in the order of their lines.
        rejected = np.array([line for line, _ in refused], "int64")
        numbers = self._rows + 1 + np.arange(len(lines)) + np.searchsorted(rejected, lines)
        ranks = self._rows + 1 + np.arange(len(refused)) + np.searchsorted(lines, rejected)
        rejects = [_reject(self._path, int(rank), *one) for rank, one in zip(ranks, refused, strict=True)]
        self._rows += len(lines) + len(refused)
        return Batch(rows, str(self._path), numbers, rejects, lines=lines)

    def _number(self, lines: Any, heights: Any, begin: int, end: int) -> None:
        ends = self._line + np.cumsum(heights[begin:end])
        lines[begin:end] = ends - heights[begin:end]
        if len(ends):
            self.last, self.height, self._line = int(lines[end - 1]), int(heights[end - 1]), int(ends[-1])

    def _kept(self, rows: Any, lines: Any) -> Any:
        """Returns a boolean mask of the rows that are neither blank lines nor comments."""
        doubtful = np.logical_and.reduce([column.is_null().to_numpy(zero_copy_only=False) for column in rows.columns])
        if self._comment:
            begins = pc.fill_null(pc.starts_with(rows.column(0), self._comment), False)
            doubtful |= np.asarray(begins)
        kept = ~doubtful
        for row in np.flatnonzero(doubtful):
            text = self._line_text(lines[row])  # a quoted cell may be empty or begin like a comment, too
            kept[row] = bool(text) and not (self._comment and text.startswith(self._comment))
        return kept

    def _line_text(self, number: int) -> str:
        """Returns the text of a line. Line numbers must be passed in increasing order."""
        if self._content is None:
            self._content = io.TextIOWrapper(open_plain(self._path), self._encoding, "replace", self._ending)
        line: str = next(itertools.islice(self._content, int(number) - self._read - 1, None), "")
        self._read = int(number)
        return line.strip("\r\n")

    def close(self) -> None:
        if self._content is not None:
            self._content.close()


def _reject(path: Path, number: int, line: int, row: Any) -> Reject:
    shown = row.text if len(row.text) <= 80 else row.text[:80] + "..."
    problem = f"expected {row.expected_columns} fields, got {row.actual_columns}: {shown!r}"
    return Reject(str(path), number, "", problem, line)
