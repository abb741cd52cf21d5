"""From columns to the framed records of a TFRecord file."""

import ctypes
from collections.abc import Mapping
from typing import Any

import numpy as np

from tensorsmith.core import check
from tensorsmith.records import reference
from tensorsmith.records.column import Column
from tensorsmith.records.library import MESSAGE_SIZE, address, addresses, c_columns, library
from tensorsmith.records.record import FOOTER, HEADER, RecordError, Records

MOST_BYTES = 2**31 - 1  # of a message, by the rules of protocol buffers
PIECE = 1 << 20  # bytes that stay in the processor's cache until they are written


def encode(columns: Mapping[str, Column], first: int = 0, last: int | None = None) -> Records:
    """Rows of columns as records: `tf.train.Example`, or `tf.train.SequenceExample` where a column has steps.

    The features of a record are sorted by name, so that equal rows give equal bytes; in their frames with checksums,
    the records are a TFRecord file.

    Args:
        columns: Name to column, all with the same number of rows.
        first: The first row to take.
        last: The row after the last one; `None` takes all.

    Raises:
        ValueError: The columns differ in length, or there are no such rows.
        RecordError: A record would have 2 GiB or more.

    Example:
        >>> records = encode({"x": Column.of([1.5, 2.5]), "name": Column.of(["a", "b"])})
        >>> len(records), records.data.nbytes
        (2, 96)
    """
    table = _Table(columns, first, last)
    if library() is None:
        return frame(Records.of(reference.encode(columns, table.first, table.last)))
    data = np.empty(int(table.places[-1]), "uint8")
    table.encode(0, len(table.sizes), data)
    return Records(data, table.places[:-1] + HEADER, table.sizes)


def write(file: Any, columns: Mapping[str, Column], first: int = 0, last: int | None = None) -> np.ndarray:
    """Writes rows of columns into a file, as `encode` makes them, a megabyte at a time.

    Args:
        file: Has `write`, as files open for binary writing have.
        columns: As for `encode`.
        first: As for `encode`.
        last: As for `encode`.

    Returns:
        The sizes of the records' data, of which the index of a file is made: int64 `(records,)`.

    Raises:
        ValueError: As `encode`.
        RecordError: As `encode`; nothing is written then.

    Example:
        >>> import io
        >>> write(io.BytesIO(), {"x": Column.of([1, 2, 300])})
        array([14, 14, 15])
    """
    table = _Table(columns, first, last)
    if library() is None:
        records = encode(columns, first, last)
        file.write(records.data)
        return records.sizes
    memory, begin = np.empty(max(PIECE, int(table.sizes.max(initial=0)) + HEADER + FOOTER), "uint8"), 0
    while begin < len(table.sizes):
        end = int(np.searchsorted(table.places, table.places[begin] + len(memory), "right")) - 1
        table.encode(begin, end, memory)
        file.write(memory[: table.places[end] - table.places[begin]])
        begin = end
    return table.sizes


class _Table:
    """Rows of columns, measured: where their records begin, frames included, and the sizes of their data."""

    def __init__(self, columns: Mapping[str, Column], first: int, last: int | None) -> None:
        lengths = {name: len(column) for name, column in columns.items()}
        check(len(set(lengths.values())) == 1, "columns", lengths, "columns of one number of rows")
        rows = next(iter(lengths.values()))
        self.first, self.last = first, rows if last is None else last
        check(0 <= first <= self.last <= rows, "first, last", (first, last), f"rows among {rows}")
        self._native = library()
        if self._native is None:
            return
        self._structures, self._message = c_columns(columns), ctypes.create_string_buffer(MESSAGE_SIZE)
        self.places = np.zeros(self.last - first + 1, "int64")
        self._call("measure", first, self.last, address(self.places))
        self.sizes = np.diff(self.places) - HEADER - FOOTER
        if self.sizes.max(initial=0) > MOST_BYTES:
            row = int(self.sizes.argmax())
            raise RecordError(first + row, f"it would have {self.sizes[row]:,} bytes, expected less than 2 GiB")

    def encode(self, begin: int, end: int, out: np.ndarray) -> None:
        """Writes the records of some of the rows into memory."""
        places = address(self.places[begin:])
        self._call("encode", self.first + begin, self.first + end, places, address(out))

    def _call(self, function: str, *arguments: Any) -> None:
        code = getattr(self._native, function)(self._structures, len(self._structures), *arguments, self._message)
        if code != -1:
            raise MemoryError(self._message.value.decode())


def frame(records: Records) -> Records:
    """Any records, in the frames of a TFRecord file.

    Args:
        records: With or without frames of their own.

    Example:
        >>> frame(Records.of([b"anything"])).data.nbytes
        24
    """
    native = library()
    if native is None:
        return reference.frame(records)
    data = np.empty(int(records.sizes.sum()) + (HEADER + FOOTER) * len(records), "uint8")
    starts = addresses(records)
    native.frame(address(starts), address(records.sizes), len(records), address(data))
    ends = np.cumsum(records.sizes + HEADER + FOOTER)
    return Records(data, ends - FOOTER - records.sizes, records.sizes)
