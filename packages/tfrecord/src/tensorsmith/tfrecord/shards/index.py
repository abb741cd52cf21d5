"""Where the records of files lie, so that each can be read on its own."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tensorsmith.core import check, replace_file
from tensorsmith.records.record import FOOTER, HEADER
from tensorsmith.tfrecord.shards.compression import compression_of
from tensorsmith.tfrecord.shards.reading import read

INDEX_SUFFIX = ".index"  # beside the file, with the sizes of its records, as np.save writes uint32


@dataclass(frozen=True, eq=False)
class Index:
    """The records of several files, one file after the other.

    Attributes:
        files: The files.
        file: Which of them each record is in, int32 `(records,)`.
        begins: Where in it the record's data begin, int64 `(records,)`.
        sizes: How many bytes they have, int32 `(records,)`.
    """

    files: tuple[str, ...]
    file: np.ndarray
    begins: np.ndarray
    sizes: np.ndarray

    def __len__(self) -> int:
        return len(self.sizes)

    @classmethod
    def of(cls, files: Sequence[str | os.PathLike[str]]) -> "Index":
        """The index of files: from what `write_index` left beside each, or else from reading it.

        Args:
            files: TFRecord files without compression.

        Raises:
            ValueError: There is no file, or one is compressed.
            DamagedFileError: A file's records cannot be found.
        """
        check(not isinstance(files, str | os.PathLike) and len(files) > 0, "files", files, "a list of files")
        of_files = [_sizes(Path(path)) for path in files]
        ends = np.cumsum([len(sizes) for sizes in of_files])
        file, begins, all_sizes = (np.empty(ends[-1], dtype) for dtype in ("int32", "int64", "int32"))
        for number, end in enumerate(ends):
            sizes = of_files[number]
            here = slice(end - len(sizes), end)
            file[here], all_sizes[here] = number, sizes
            begins[here] = np.cumsum(sizes, dtype="int64") - sizes + np.arange(len(sizes)) * (HEADER + FOOTER) + HEADER
            of_files[number] = sizes[:0]  # two of them would take much memory
        return cls(tuple(os.fspath(path) for path in files), file, begins, all_sizes)

    def of_records(self, numbers: np.ndarray) -> "Index":
        """That of some records, in this order."""
        return Index(self.files, self.file[numbers], self.begins[numbers], self.sizes[numbers])


def write_index(path: str | os.PathLike[str], sizes: np.ndarray | None = None) -> Path:
    """Writes the index of a file beside it, as `FILE.index`, 4 bytes a record.

    Args:
        path: A TFRecord file without compression.
        sizes: The sizes of its records' data where they are known; otherwise the file is read.

    Returns:
        The index's path.
    """
    path = Path(path)
    target = path.with_name(path.name + INDEX_SUFFIX)
    sizes = _read_sizes(path) if sizes is None else sizes
    with replace_file(target) as draft, draft.open("wb") as file:
        np.save(file, sizes.astype("uint32"), allow_pickle=False)
    return target


def _sizes(path: Path) -> np.ndarray:
    beside = path.with_name(path.name + INDEX_SUFFIX)
    if beside.exists():
        try:
            with beside.open("rb") as file:
                sizes = np.lib.format.read_array(file, allow_pickle=False)
        except (ValueError, EOFError):
            return _read_sizes(path)
        are_sizes = (
            sizes.ndim == 1 and sizes.dtype.kind in "iu" and 0 <= sizes.min(initial=0) <= sizes.max(initial=0) < 2**31
        )
        # An index of what the file was before has another sum, and is not used.
        if are_sizes and int(sizes.sum()) + len(sizes) * (HEADER + FOOTER) == path.stat().st_size:
            return sizes.astype("int32")
    return _read_sizes(path)


def _read_sizes(path: Path) -> np.ndarray:
    with path.open("rb") as file:
        compression = compression_of(file.read(2))
    parts = list(read(path, check_data=False))
    plain = sum(int(part.records.sizes.sum()) + len(part.records) * (HEADER + FOOTER) for part in parts)
    remedy = "read it from the start with tensorsmith.tfrecord.read or tf.data.TFRecordDataset"
    check(
        plain == path.stat().st_size,
        str(path),
        f"a file compressed by {compression}",
        "one without compression",
        remedy,
    )
    largest = max((int(part.records.sizes.max()) for part in parts), default=0)
    check(largest < 2**31, str(path), f"a record of {largest:,} bytes", "records of less than 2 GiB")
    return np.concatenate([np.zeros(0, "int32"), *(part.records.sizes.astype("int32") for part in parts)])
