"""Index of the records in TFRecord files for random access."""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError

import numpy as np

from tensorsmith.core import Verbatim, check, replace_file
from tensorsmith.records.record import FOOTER, HEADER
from tensorsmith.tfrecord._support.folder_lock import folder_lock
from tensorsmith.tfrecord.shards.compression import compression_of
from tensorsmith.tfrecord.shards.reading import check_regular, read

INDEX_SUFFIX = ".index"  # suffix of the index file: the sizes of the records as uint32, written by np.save


@dataclass(frozen=True, eq=False)
class Index:
    """Byte offsets and sizes of the records in several files, in file order.

    Attributes:
        files: Paths of the indexed TFRecord files.
        file: Index of the file of each record, int32 `(records,)`.
        begins: Byte offset of the data of each record in its file, int64 `(records,)`.
        sizes: Size of the data of each record in bytes, int32 `(records,)`.
    """

    files: tuple[str, ...]
    file: np.ndarray
    begins: np.ndarray
    sizes: np.ndarray

    def __len__(self) -> int:
        return len(self.sizes)

    @classmethod
    def of(cls, files: Sequence[str | os.PathLike[str]]) -> "Index":
        """Returns the index of several files, which is read from index files or computed from the records.

        Args:
            files: Paths of the TFRecord files to index, which must not be compressed.

        Returns:
            The index of all records.

        Raises:
            ValueError: If `files` is empty, or if a file is compressed.
            DamagedFileError: If the records of a file cannot be located.
        """
        check(not isinstance(files, str | os.PathLike) and len(files) > 0, "files", files, "a non-empty list of files")
        of_files = [_sizes(Path(path)) for path in files]
        ends = np.cumsum([len(sizes) for sizes in of_files])
        file, begins, all_sizes = (np.empty(ends[-1], dtype) for dtype in ("int32", "int64", "int32"))
        for number, end in enumerate(ends):
            sizes = of_files[number]
            here = slice(end - len(sizes), end)
            file[here], all_sizes[here] = number, sizes
            # Offsets of the data: all previous frames, plus the header of this record.
            begins[here] = np.cumsum(sizes, dtype="int64") - sizes + np.arange(len(sizes)) * (HEADER + FOOTER) + HEADER
            of_files[number] = sizes[:0]  # released early, to avoid holding two copies of all sizes
        return cls(tuple(os.fspath(path) for path in files), file, begins, all_sizes)

    def of_records(self, numbers: np.ndarray) -> "Index":
        """Returns the index of selected records, in the given order."""
        return Index(self.files, self.file[numbers], self.begins[numbers], self.sizes[numbers])


def write_index(path: str | os.PathLike[str], sizes: np.ndarray | None = None) -> Path:
    """Writes the index of a TFRecord file to `FILE.index`, using 4 bytes per record.

    Args:
        path: Path of the TFRecord file, which must not be compressed.
        sizes: Array with the data size of each record in bytes. If `None`, the sizes are read from the file.

    Returns:
        The path of the index.

    Raises:
        ValueError: If the file `FILE.index` exists and is not an index.
        BlockingIOError: If another process is writing to the folder of the file.
    """
    path = Path(path)
    with folder_lock(path.parent):
        return replace_index(path, sizes)


def replace_index(path: Path, sizes: np.ndarray | None = None) -> Path:
    """Writes the index of a TFRecord file like `write_index`, but does not lock the folder of the file."""
    target = index_path(path)
    check_index(path)
    sizes = _read_sizes(path) if sizes is None else sizes
    with replace_file(target) as draft, draft.open("wb") as file:
        np.save(file, sizes.astype("uint32"), allow_pickle=False)
    return target


def check_index(path: str | os.PathLike[str]) -> None:
    """Raises an error if `FILE.index` is not an index, and would be lost if the index of the file were written.

    Args:
        path: Path of the TFRecord file, which may not exist.
    """
    beside = index_path(path)
    is_index = False
    if beside.is_file() and not beside.is_symlink():
        with beside.open("rb") as file, contextlib.suppress(ValueError, SyntaxError, TokenError):
            np.lib.format.read_magic(file)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            is_index = len(shape) == 1 and dtype.kind in "iu"
    check(
        is_index or not os.path.lexists(beside),
        str(beside),
        Verbatim("another file"),
        "an index file or not exist",
        f"rename the file, because the index of {Path(path).name} is written to this path",
    )


def index_path(path: str | os.PathLike[str]) -> Path:
    """Returns the path of the index of a TFRecord file."""
    path = Path(path)
    return path.with_name(path.name + INDEX_SUFFIX)


def _sizes(path: Path) -> np.ndarray:
    beside = index_path(path)
    if beside.is_file():
        try:
            with beside.open("rb") as file:
                sizes = np.lib.format.read_array(file, allow_pickle=False)
        except (ValueError, EOFError):
            return _read_sizes(path)
        are_sizes = (
            sizes.ndim == 1 and sizes.dtype.kind in "iu" and 0 <= sizes.min(initial=0) <= sizes.max(initial=0) < 2**31
        )
        # The index of an older version of the file is ignored, as its sizes do not add up to the size of the file.
        if are_sizes and int(sizes.sum()) + len(sizes) * (HEADER + FOOTER) == path.stat().st_size:
            return sizes.astype("int32")
    return _read_sizes(path)


def _read_sizes(path: Path) -> np.ndarray:
    check_regular(path)
    with path.open("rb") as file:
        compression = compression_of(file.read(2))
    parts = list(read(path, check_data=False))
    plain = sum(int(part.records.sizes.sum()) + len(part.records) * (HEADER + FOOTER) for part in parts)
    remedy = "read the file from the start with `tensorsmith.tfrecord.read` or `tf.data.TFRecordDataset`"
    check(
        plain == path.stat().st_size,
        str(path),
        Verbatim(f"a file compressed with {compression}"),
        "an uncompressed file",
        remedy,
    )
    largest = max((int(part.records.sizes.max()) for part in parts), default=0)
    check(largest < 2**31, str(path), Verbatim(f"a record of {largest:,} bytes"), "contain records smaller than 2 GiB")
    return np.concatenate([np.zeros(0, "int32"), *(part.records.sizes.astype("int32") for part in parts)])
