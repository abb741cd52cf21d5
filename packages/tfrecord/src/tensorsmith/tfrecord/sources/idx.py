"""Files in the IDX format of MNIST, optionally gzip-compressed."""

import math
import zlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tensorsmith.tfrecord.sources.arrays import Arrays, Rows
from tensorsmith.tfrecord.sources.files import GZIP_ERRORS, UnreadableError, open_plain

CHUNK = 1 << 20  # bytes allocated at a time, so that a wrong size in the header cannot exhaust memory
DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


class IdxFiles(Arrays):
    """Data source for IDX files. The feature is `label` for one-dimensional arrays, and `image` for other arrays.

    Args:
        files: Paths of the IDX files: one file, or a file of images and a file of labels. Training and test files must
            be opened as separate data sources.
    """

    def __init__(self, files: list[Path]) -> None:
        self.files = files

    def parts(self) -> list[tuple[Path, Callable[[ExitStack], Mapping[str, Rows]]]]:
        """Returns a list with a single pair of a path and a function, because all files describe the same rows."""
        return [(self.files[0], self._open)]

    def _open(self, stack: ExitStack) -> dict[str, Rows]:
        arrays: dict[str, Rows] = {}
        for path in self.files:
            rows = _rows(path, stack)
            name = "image" if rows.shape else "label"
            if name in arrays:
                raise UnreadableError(
                    path, f"a second file of {name}s; pass the files of one split, such as `FOLDER/train-*`"
                )
            arrays[name] = rows
        return dict(sorted(arrays.items()))


def _rows(path: Path, stack: ExitStack) -> Rows:
    file = stack.enter_context(open_plain(path))
    head = _bytes(path, file, 4)
    if head[:2] != b"\0\0" or head[2] not in DTYPES or head[3] == 0:
        raise UnreadableError(path, "not an IDX file: the magic number is wrong")
    sizes = np.frombuffer(_bytes(path, file, 4 * head[3]), ">u4").astype("int64")
    count, shape, dtype = int(sizes[0]), tuple(map(int, sizes[1:])), np.dtype(DTYPES[head[2]])
    return Rows(count, shape, dtype, partial(_read, path, file, shape, dtype))


def _read(path: Path, file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype, count: int) -> np.ndarray:
    data = _bytes(path, file, count * math.prod(shape) * dtype.itemsize)
    return np.frombuffer(data, dtype).reshape(count, *shape)


def _bytes(path: Path, file: BinaryIO, size: int) -> bytes:
    parts, missing = [], size
    try:
        while missing and (part := file.read(min(missing, CHUNK))):
            parts.append(part)
            missing -= len(part)
    except (*GZIP_ERRORS, zlib.error) as error:
        raise UnreadableError(path, str(error)) from None
    if missing:
        raise UnreadableError(path, f"the file is truncated: {missing:,} bytes are missing")
    return b"".join(parts)
