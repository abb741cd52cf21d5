"""Reader of data frames in R's lazy-load databases. Nothing is evaluated: only vectors and lists of them are read."""

import lzma
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from tensorsmith.core import UnreadableFileError

MOST_BYTES = 100_000_000  # of a decompressed object
DEEPEST = 100  # nested objects
# Codes of R Internals, section 1.8 "Serialization Formats" (R Core Team, 2024).
SYMBOL, PAIRLIST, STRING, BOOLEANS, INTEGERS, REALS, STRINGS, LIST = 1, 2, 9, 10, 13, 14, 16, 19
NULL, REFERENCE, COMPACT = 254, 255, 238
HAS_ATTRIBUTES, HAS_TAG = 0x200, 0x400
DAMAGED = struct.error, zlib.error, lzma.LZMAError
NUMBERS: dict[int, np.dtype[Any]] = {BOOLEANS: np.dtype(">i4"), INTEGERS: np.dtype(">i4"), REALS: np.dtype(">f8")}


def read_data_frame(index: Path, database: Path, name: str) -> dict[str, np.ndarray]:
    """Returns the columns of a data frame.

    Args:
        index: Path of the `.rdx` file.
        database: Path of the `.rdb` file.
        name: Name of the data frame.

    Returns:
        A dict of arrays: float64 for numbers, int32 for integers and booleans, and arrays of `str` objects for strings.
        Missing values are NaN, -2147483648 and "NA". Dates are days since 1970-01-01.

    Raises:
        UnreadableFileError: If the files do not contain such a data frame.
    """
    try:
        start, length = _Reader(_decompressed(index.read_bytes())).object()["variables"][name].tolist()
        content = database.read_bytes()[start : start + length]
        columns = _Reader(_decompressed(content[4:])).object()  # the first 4 bytes are the size
        if not (isinstance(columns, dict) and all(isinstance(values, np.ndarray) for values in columns.values())):
            raise ValueError(f"{name} is not a data frame")
    except (LookupError, TypeError, ValueError, AttributeError, *DAMAGED) as error:
        raise UnreadableFileError(f"{database} does not contain a readable data frame {name}: {error}.") from error
    return columns


def _decompressed(content: bytes) -> bytes:
    """Returns decompressed bytes, of zlib, of gzip, or of LZMA2 after the letter Z, as in R's `R_decompress3`."""
    decompressor: Any = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)
    if content[:1] == b"Z":
        decompressor = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "preset": 6}])
        content = content[1:]
    result: bytes = decompressor.decompress(content, MOST_BYTES)
    if not decompressor.eof:
        raise ValueError(f"truncated, or more than {MOST_BYTES} bytes")
    return result


class _Reader:
    """Reader of one object in the binary format of R's `serialize`, version 2 or 3.

    Vectors become arrays, lists with names become dicts, and other lists become lists. Other attributes than names,
    such as classes and the names of rows, are dropped.
    """

    def __init__(self, content: bytes) -> None:
        self._content, self._position = content, 0
        self._symbols: list[Any] = []
        if self._bytes(2) != b"X\n":
            raise ValueError("not in R's binary format")
        version, _, _ = (self._integer() for _ in range(3))
        if version not in (2, 3):
            raise ValueError(f"version {version} of R's format is not supported")
        if version == 3:
            self._bytes(self._integer())  # name of the encoding

    def object(self, depth: int = 0) -> Any:
        """Returns the next object."""
        if depth > DEEPEST:
            raise ValueError(f"more than {DEEPEST} nested objects")
        flags = self._integer()
        kind = flags & 0xFF
        if kind == NULL:
            return None
        if kind == REFERENCE:
            return self._symbols[(flags >> 8) - 1]
        if kind == SYMBOL:
            self._symbols.append(self.object(depth + 1))
            return self._symbols[-1]
        if kind == PAIRLIST:
            return self._pairs(flags, depth)
        if kind == COMPACT:
            return self._sequence(depth)
        if kind not in (STRING, STRINGS, LIST, *NUMBERS):
            raise ValueError(f"objects of type {kind} are not supported")
        length = self._integer()
        if kind == STRING:
            return "NA" if length < 0 else self._bytes(length).decode()
        value: Any
        if kind in NUMBERS:
            value = np.frombuffer(self._bytes(length * NUMBERS[kind].itemsize), NUMBERS[kind])
            value = value.astype(value.dtype.newbyteorder("="))
        else:
            value = [self.object(depth + 1) for _ in range(length)]
            value = np.array(value, object) if kind == STRINGS else value
        attributes = self.object(depth + 1) if flags & HAS_ATTRIBUTES else {}
        named = kind == LIST and "names" in attributes
        return dict(zip(attributes["names"], value, strict=True)) if named else value

    def _pairs(self, flags: int, depth: int) -> dict[Any, Any]:
        """Returns the values of a linked list by their tags."""
        pairs = {}
        while flags & 0xFF == PAIRLIST:
            if flags & HAS_ATTRIBUTES:
                self.object(depth + 1)
            tag = self.object(depth + 1) if flags & HAS_TAG else None
            pairs[tag] = self.object(depth + 1)
            flags = self._integer()
        return pairs

    def _sequence(self, depth: int) -> np.ndarray:
        """Returns a sequence of numbers that is stored as its length, first number and step."""
        self.object(depth + 1)  # name of the class, which is always a compact sequence in data frames
        count, first, step = self.object(depth + 1).tolist()
        self.object(depth + 1)  # attributes
        if not 0 <= count <= MOST_BYTES:
            raise ValueError(f"a sequence of {count} numbers")
        return first + step * np.arange(int(count))

    def _integer(self) -> int:
        (number,) = struct.unpack(">i", self._bytes(4))
        return int(number)

    def _bytes(self, count: int) -> bytes:
        """Returns the next bytes."""
        part = self._content[self._position : self._position + count]
        if count < 0 or len(part) < count:
            raise ValueError("truncated")
        self._position += count
        return part
