"""NumPy .npy and .npz files as a data source."""

import lzma
import math
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tensorsmith.tfrecord.sources.arrays import Arrays, Rows
from tensorsmith.tfrecord.sources.files import UnreadableError

# Raised for damaged files by zipfile and the decompressors, which follow offsets in the file, and by NumPy, which
# parses the header of an array as Python syntax.
ERRORS = (
    OSError,
    zipfile.BadZipFile,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    RuntimeError,
    EOFError,
    ValueError,
    OverflowError,
    SyntaxError,
    tokenize.TokenError,
)


class NumpyFiles(Arrays):
    """Data source for NumPy .npy and .npz files.

    Several .npy files provide one feature each, named after the file. Several .npz files, whose keys are the features,
    are concatenated. Arrays in Fortran order are read into memory completely.

    Args:
        files: Paths of .npy files or of .npz files, but not of both.
    """

    def __init__(self, files: list[Path]) -> None:
        self.files = files

    def parts(self) -> list[tuple[Path, Callable[[ExitStack], Mapping[str, Rows]]]]:
        """Returns one pair of a path and a function that opens arrays for each .npz file, or for all .npy files."""
        zipped = [path for path in self.files if _is_zipped(path)]
        if not zipped:
            return [(self.files[0], partial(_files, self.files))]
        if len(zipped) < len(self.files):
            raise UnreadableError(
                next(path for path in self.files if path not in zipped), "a .npy file among .npz files"
            )
        return [(path, partial(_members, path)) for path in zipped]


def _is_zipped(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def _files(paths: list[Path], stack: ExitStack) -> dict[str, Rows]:
    """Opens .npy files. Returns a dict that maps the name of each file to the rows of its array."""
    arrays: dict[str, Rows] = {}
    for path in paths:
        if path.stem in arrays:
            raise UnreadableError(path, f"a second array named `{path.stem}`")
        file = stack.enter_context(path.open("rb"))  # not a memory map, as truncating the file would crash the process
        whole = partial(np.load, path, allow_pickle=False)
        arrays[path.stem] = _array(path, path.stem, file, path.stat().st_size, whole)
    return arrays


class _Slices:
    """Callable that returns the next rows of an array in each call."""

    def __init__(self, array: np.ndarray) -> None:
        self._array, self._at = array, 0

    def __call__(self, count: int) -> np.ndarray:
        self._at += count
        return self._array[self._at - count : self._at]


def _header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(file)


def _members(path: Path, stack: ExitStack) -> dict[str, Rows]:
    """Opens a .npz file. Returns a dict that maps the name of each array to its rows, decompressed incrementally."""
    try:
        archive = stack.enter_context(zipfile.ZipFile(path))
    except ERRORS as error:
        raise UnreadableError(path, f"not a valid .npz file: {error}") from None
    return {
        member.filename.removesuffix(".npy"): _member(path, archive, member, stack) for member in archive.infolist()
    }


def _member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, stack: ExitStack) -> Rows:
    name = member.filename.removesuffix(".npy")

    def whole() -> np.ndarray:
        with np.load(path, allow_pickle=False) as arrays:
            return arrays[name]

    try:
        with warnings.catch_warnings(action="error", category=UserWarning):  # on overlapping members, since Python 3.13
            file: Any = stack.enter_context(archive.open(member))
    except (*ERRORS, UserWarning) as error:
        raise UnreadableError(path, f"`{name}` is not a valid array: {error}") from None
    return _array(path, name, file, member.file_size, whole)


def _array(path: Path, name: str, file: BinaryIO, size: int, whole: Callable[[], np.ndarray]) -> Rows:
    """Returns the rows of an array, read incrementally from the file if it is stored in C order."""
    try:
        shape, by_columns, dtype = _header(file)
    except ERRORS as error:
        raise UnreadableError(path, f"`{name}` is not a valid array: {error}") from None
    if dtype.hasobject:
        raise UnreadableError(path, f"`{name}` is an array of Python objects, which only pickle reads")
    if not shape:
        raise UnreadableError(path, f"`{name}` is a scalar without an axis of rows")
    if min(shape) < 0 or math.prod(shape) * dtype.itemsize > size - file.tell():
        raise UnreadableError(path, f"`{name}` is shorter than its shape {shape}")
    if not by_columns:
        return Rows(shape[0], shape[1:], dtype, partial(_read, path, name, file, shape[1:], dtype))
    try:
        return Rows(shape[0], shape[1:], dtype, _Slices(whole()))
    except ERRORS as error:
        raise UnreadableError(path, f"`{name}` is corrupted: {error}") from None


def _read(path: Path, name: str, file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype, count: int) -> np.ndarray:
    size = count * math.prod(shape) * dtype.itemsize
    try:
        data = file.read(size)
    except ERRORS as error:
        raise UnreadableError(path, f"`{name}` is corrupted: {error}") from None
    if len(data) < size:
        raise UnreadableError(path, f"`{name}` is truncated")
    return np.frombuffer(data, dtype).reshape(count, *shape)
