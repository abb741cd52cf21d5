"""Encoding of columns as the framed records of a TFRecord file."""

import ctypes
from collections.abc import Mapping
from typing import Any

import numpy as np

from tensorsmith.core import check
from tensorsmith.records import reference
from tensorsmith.records.column import Column
from tensorsmith.records.library import MESSAGE_SIZE, address, addresses, c_columns, library
from tensorsmith.records.record import FOOTER, HEADER, RecordError, Records

MOST_BYTES = 2**31 - 1  # maximum size of a protocol buffer message
PIECE = 1 << 20  # bytes per write, small enough for the CPU cache


def encode(columns: Mapping[str, Column], first: int = 0, last: int | None = None) -> Records:
    """Encodes rows as `tf.train.Example`, or as `tf.train.SequenceExample` if a column contains sequences.

    The features of a record are sorted by name, so that equal rows are encoded as equal bytes. The data of the result,
    which includes frames with checksums, are the contents of a TFRecord file.

    Args:
        columns: Dict that maps feature names to columns with the same number of rows.
        first: Index of the first row to encode.
        last: Index after the last row to encode. If `None`, all remaining rows are encoded.

    Returns:
        The encoded records.

    Raises:
        ValueError: If the columns differ in length, or if the range of rows is invalid.
        RecordError: If a record would be 2 GiB or larger.

    Example:
        >>> records = encode({"x": Column.of([1.5, 2.5]), "name": Column.of(["a", "b"])})
        >>> len(records), records.data.nbytes
        (2, 96)
    """
    table = _Table(columns, first, last)
    if library() is None:
        return frame(Records.of(reference.encode(columns, table.first, table.last)))
    data = np.empty(int(table.positions[-1]), "uint8")
    table.encode(0, len(table.sizes), data)
    return Records(data, table.positions[:-1] + HEADER, table.sizes)


def write(file: Any, columns: Mapping[str, Column], first: int = 0, last: int | None = None) -> np.ndarray:
    """Encodes rows as `encode` does and writes them to a file, about one megabyte at a time.

    Args:
        file: Binary file object with a `write` method.
        columns: Dict that maps feature names to columns, as in `encode`.
        first: Index of the first row to write.
        last: Index after the last row to write. If `None`, all remaining rows are written.

    Returns:
        int64 array of shape `(records,)` with the size of each record's data, from which an index can be built.

    Raises:
        ValueError: Same as for `encode`.
        RecordError: Same as for `encode`. Nothing is written in this case.

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
        end = int(np.searchsorted(table.positions, table.positions[begin] + len(memory), "right")) - 1
        table.encode(begin, end, memory)
        file.write(memory[: table.positions[end] - table.positions[begin]])
        begin = end
    return table.sizes


class _Table:
    """Range of table rows to encode as records, with the byte offset and size of each record."""

    def __init__(self, columns: Mapping[str, Column], first: int, last: int | None) -> None:
        lengths = {name: len(column) for name, column in columns.items()}
        check(len(set(lengths.values())) == 1, "columns", lengths, "have the same number of rows")
        rows = next(iter(lengths.values()))
        self.first, self.last = first, rows if last is None else last
        check(
            0 <= first <= self.last <= rows, "first and last", (first, last), f"define a range within the {rows} rows"
        )
        self._native = library()
        if self._native is None:
            return
        self._structures, self._message = c_columns(columns), ctypes.create_string_buffer(MESSAGE_SIZE)
        self.positions = np.zeros(self.last - first + 1, "int64")
        self._call("measure", first, self.last, address(self.positions))
        self.sizes = np.diff(self.positions) - HEADER - FOOTER
        if self.sizes.max(initial=0) > MOST_BYTES:
            row = int(self.sizes.argmax())
            raise RecordError(
                first + row, f"the record would have {self.sizes[row]:,} bytes, but must be smaller than 2 GiB"
            )

    def encode(self, begin: int, end: int, out: np.ndarray) -> None:
        """Encodes a range of rows as records and writes them to a byte array."""
        positions = address(self.positions[begin:])
        self._call("encode", self.first + begin, self.first + end, positions, address(out))

    def _call(self, function: str, *arguments: Any) -> None:
        code = getattr(self._native, function)(self._structures, len(self._structures), *arguments, self._message)
        if code != -1:
            raise MemoryError(self._message.value.decode())


def frame(records: Records) -> Records:
    """Adds the framing of a TFRecord file (length and checksums) to arbitrary records.

    Args:
        records: Serialized records. If the data already contains framing, only the records are copied.

    Returns:
        The framed records.

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
