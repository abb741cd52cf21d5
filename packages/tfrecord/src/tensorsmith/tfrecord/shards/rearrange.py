"""Rewriting of records into shards in any order."""

import itertools
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tensorsmith.core import Advance, check, replace_file, unreported
from tensorsmith.records import scan
from tensorsmith.records.record import FOOTER, HEADER
from tensorsmith.tfrecord.shards.compression import COMPRESSIONS, open_to_read, open_to_write
from tensorsmith.tfrecord.shards.index import Index, check_index, index_path, replace_index
from tensorsmith.tfrecord.shards.reading import DamagedFileError

GROUP = 1 << 24  # bytes in memory at a time, unless a record is larger


def rearrange(
    index: Index,
    order: np.ndarray,
    paths: Sequence[str | os.PathLike[str]],
    compression: str = "none",
    *,
    resume: bool = False,
    report: Advance = unreported,
) -> None:
    """Writes the records with the given indices to shards, in the order of these indices.

    The numbers of records in the shards differ by at most one. Records are copied with their frames, and all checksums
    are verified. Each shard is written atomically, with an index next to it unless it is compressed. Memory use stays
    below 200 MB plus the size of the index, unless records are larger.

    Args:
        index: Index of the records in the input files.
        order: Indices of the records to write, an int64 array of shape `(records,)`. A record may occur more than once
            or not at all.
        paths: Paths of the shards, whose folders must exist. Existing files are replaced.
        compression: Compression of the shards: "none", "gzip" or "zlib".
        resume: If `True`, keep the shards that an earlier call with the same index and order completed.
        report: Function that is called with the number of bytes written since the previous call, including record
            framing.

    Raises:
        ValueError: If `paths` is empty, if `compression` is unknown, if `order` is out of range, or if another file has
            the name of an index of a shard.
        DamagedFileError: If a record does not match its checksum, or is not at the position in the index.
    """
    check(compression in COMPRESSIONS, "compression", compression, " or ".join(COMPRESSIONS))
    check(len(paths) > 0, "paths", paths, "a non-empty list of shards")
    inside = order.size == 0 or (order.min() >= 0 and order.max() < len(index))
    check(inside, "order", order, f"contain only indices of the {len(index):,} records")
    for path in paths:
        check_index(path)
    for path, run in zip(map(Path, paths), runs_of(order, len(paths)), strict=True):
        _write_shard(index, run, path, compression, resume, report)


def runs_of(order: np.ndarray, count: int) -> list[np.ndarray]:
    """Splits an array of record indices into `count` contiguous parts, one for each shard."""
    bounds = np.arange(count + 1) * len(order) // count
    return [order[begin:end] for begin, end in itertools.pairwise(bounds)]


def _write_shard(
    index: Index, numbers: np.ndarray, path: Path, compression: str, resume: bool, report: Advance
) -> None:
    sizes = index.sizes[numbers]
    size = int((sizes.astype("int64") + HEADER + FOOTER).sum())
    sidecar = index_path(path)
    if resume and path.exists() and (compression != "none" or path.stat().st_size == size):
        report(size)
    else:
        with replace_file(path) as draft:
            with open_to_write(draft, compression) as file:
                for frames in _groups(index, numbers):
                    file.write(frames)
                    report(len(frames))
            sidecar.unlink(missing_ok=True)  # no index is better than the index of the previous file
    if compression == "none" and not sidecar.exists():
        replace_index(path, sizes)


def are_complete(
    index: Index,
    order: np.ndarray,
    paths: Sequence[str | os.PathLike[str]],
    compression: str,
    report: Advance = unreported,
) -> bool:
    """Returns `True` if shards contain what `rearrange` writes to them with the same arguments. All data are read.

    Args:
        index: Index of the records in the input files.
        order: Indices of the records in the shards.
        paths: Paths of the shards, which must exist.
        compression: Compression of the shards.
        report: Function that is called with the number of bytes compared since the previous call.

    Raises:
        DamagedFileError: If a record in the input files is damaged.
    """
    for path, run in zip(map(Path, paths), runs_of(order, len(paths)), strict=True):
        with open_to_read(path, compression) as file:
            for frames in _groups(index, run):
                if _read_from(file, len(frames)) != frames.tobytes():
                    return False
                report(len(frames))
            if _read_from(file, 1) != b"":
                return False
    return True


def _read_from(file: Any, size: int) -> bytes | None:
    """Reads from a shard, or returns `None` if it is damaged or has another compression."""
    try:
        data: bytes = file.read(size)
    except (OSError, EOFError, zlib.error):
        return None
    return data


def _groups(index: Index, numbers: np.ndarray) -> Iterator[np.ndarray]:
    """Yields groups of records in the given order, including their lengths and checksums."""
    ends = np.cumsum(index.sizes[numbers].astype("int64") + HEADER + FOOTER)
    begin = 0
    while begin < len(numbers):
        done = int(ends[begin - 1]) if begin else 0
        end = max(begin + 1, int(np.searchsorted(ends, done + GROUP, "right")))
        yield _frames(index, numbers[begin:end])
        begin = end


def _frames(index: Index, numbers: np.ndarray) -> np.ndarray:
    """Reads records in the given order, including their lengths and checksums, into one byte array."""
    sizes = index.sizes[numbers].astype("int64") + HEADER + FOOTER
    targets = np.cumsum(sizes) - sizes
    frames = np.empty(int(sizes.sum()), "uint8")
    view = frames.data
    # Read each file from front to back, and merge records that are adjacent in both the file and the output.
    files, positions = index.file[numbers], index.begins[numbers] - HEADER
    forward = np.lexsort((positions, files))
    files, positions, targets, lengths = files[forward], positions[forward], targets[forward], sizes[forward]
    joined = (np.diff(files) == 0) & (np.diff(positions) == lengths[:-1]) & (np.diff(targets) == lengths[:-1])
    firsts = np.flatnonzero(np.concatenate([[True], ~joined]))
    lengths = np.add.reduceat(lengths, firsts)
    files, positions, targets = files[firsts], positions[firsts], targets[firsts]
    for number in np.unique(files):
        here = files == number
        pieces = list(zip(positions[here].tolist(), targets[here].tolist(), lengths[here].tolist(), strict=True))
        with Path(index.files[number]).open("rb", buffering=0) as file:
            _fill(file.fileno(), view, pieces)
    # Verify the checksums, and compare the sizes with the index.
    found = scan(frames, most=len(numbers)).records
    right = found.sizes == index.sizes[numbers[: len(found)]]
    if len(found) < len(numbers) or not right.all():
        raise _damage(index, int(numbers[len(found) if right.all() else np.argmin(right)]))
    return frames


def _damage(index: Index, number: int) -> DamagedFileError:
    """Returns the error for a record that is inconsistent with the index."""
    file, begin = index.file[number], int(index.begins[number])
    record = int(np.count_nonzero(index.begins[index.file == file] < begin))
    path = Path(index.files[file])
    beside = index_path(path)
    problem = "it is corrupted, or the file has changed since it was indexed"
    if beside.exists():
        problem += f"; if {beside.name} belongs to another file, remove it"
    return DamagedFileError(path, record, begin - HEADER, problem)


def _fill(file: int, view: memoryview, pieces: list[tuple[int, int, int]]) -> None:
    """Reads byte ranges of a file into an output buffer."""
    if hasattr(os, "posix_fadvise"):
        for position, _, size in pieces:  # lets the disk serve several requests at a time
            os.posix_fadvise(file, position, size, os.POSIX_FADV_WILLNEED)
    for position, target, size in pieces:
        while size > 0:
            had = os.preadv(file, [view[target : target + size]], position)
            if had == 0:
                view[target : target + size] = bytes(size)  # zeros, which are not a valid record
                break
            position, target, size = position + had, target + had, size - had
