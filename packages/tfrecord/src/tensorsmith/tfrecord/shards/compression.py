"""Reading and writing of files in the compression formats supported by TensorFlow."""

import gzip
import io
import zlib
from pathlib import Path
from typing import Any, BinaryIO

COMPRESSIONS = ("none", "gzip", "zlib")
ERRORS = (EOFError, gzip.BadGzipFile, zlib.error)  # raised for damaged compressed files
CHUNK = 1 << 20


def compression_of(head: bytes) -> str:
    """Returns the compression of a file, as determined from its first two bytes.

    Example:
        >>> compression_of(gzip.compress(b"")), compression_of(zlib.compress(b"")), compression_of(b"")
        ('gzip', 'zlib', 'none')
    """
    if head[:2] == b"\x1f\x8b":
        return "gzip"
    is_zlib = len(head) >= 2 and head[0] & 15 == 8 and int.from_bytes(head[:2], "big") % 31 == 0
    return "zlib" if is_zlib else "none"


def open_to_read(path: Path, compression: str) -> Any:
    """Opens a file and returns a file object from which its decompressed content can be read."""
    if compression == "gzip":
        return gzip.open(path, "rb")
    file = path.open("rb", buffering=0)
    return io.BufferedReader(_Inflated(file), CHUNK) if compression == "zlib" else file


def open_to_write(path: Path, compression: str) -> Any:
    """Opens a file for writing. A compressed file contains neither the file name nor the time."""
    file = path.open("wb")
    if compression == "none":
        return file
    return _Deflated(file, zlib.compressobj(wbits=31 if compression == "gzip" else 15))


class _Inflated(io.RawIOBase):
    """File object that decompresses a zlib stream while it is read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._stream, self._rest = file, zlib.decompressobj(), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        room = memoryview(buffer)
        data = b""
        while not data and not self._stream.eof:
            self._rest = self._rest or self._file.read(CHUNK)
            if not self._rest:
                raise EOFError("the compressed stream is truncated")
            data = self._stream.decompress(self._rest, len(room))
            self._rest = self._stream.unconsumed_tail
        if not data and (self._stream.unused_data or self._file.read(1)):
            raise zlib.error("unexpected data after the end of the compressed stream")
        room[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


class _Deflated:
    """File object that compresses the data written to it. The file is complete only after it has been closed."""

    def __init__(self, file: BinaryIO, stream: Any) -> None:
        self._file, self._stream = file, stream

    def write(self, data: bytes) -> None:
        self._file.write(self._stream.compress(data))

    def __enter__(self) -> "_Deflated":
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        with self._file:
            if kind is None:
                self._file.write(self._stream.flush())
