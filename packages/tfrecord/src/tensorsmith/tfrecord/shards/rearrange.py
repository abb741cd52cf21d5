"""Writing records anew, in any order, into shards."""

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tensorsmith.core import Advance, check, replace_file, unreported
from tensorsmith.records import scan
from tensorsmith.records.record import FOOTER, HEADER
from tensorsmith.tfrecord.shards.compression import COMPRESSIONS, open_to_write
from tensorsmith.tfrecord.shards.index import INDEX_SUFFIX, Index, write_index
from tensorsmith.tfrecord.shards.reading import DamagedFileError

GROUP = 1 << 24  # bytes in memory at a time, unless one record has more


def rearrange(
    index: Index,
    order: np.ndarray,
    paths: Sequence[str | os.PathLike[str]],
    compression: str = "none",
    *,
    resume: bool = False,
    report: Advance = unreported,
) -> None:
    """Writes records into shards, which have contiguous runs of `order`, equally many records each or one more.

    Records are copied with their frames, and all checksums compared on the way. Each shard appears when it is whole,
    with its index beside it unless it is compressed. Memory stays below 200 MB, but for the index and larger records.

    Args:
        index: Where the records are.
        order: Their numbers in the index, int64 `(records,)`; one may come several times, or not at all.
        paths: The shards, in folders that are there. What stands there is replaced.
        compression: Of the shards: "none", "gzip" or "zlib".
        resume: Whether shards stay as they are that an earlier call, with the same index and order, has finished.
        report: Called with each number of bytes that are done, frames included.

    Raises:
        ValueError: There is no shard, no such compression or no such record.
        DamagedFileError: A record is not what its checksum says, or not where the index says.
    """
    check(compression in COMPRESSIONS, "compression", compression, " or ".join(COMPRESSIONS))
    check(len(paths) > 0, "paths", paths, "one shard or more")
    inside = order.size == 0 or (order.min() >= 0 and order.max() < len(index))
    check(inside, "order", order, f"numbers of the {len(index):,} records")
    for path, run in zip(map(Path, paths), runs_of(order, len(paths)), strict=True):
        _write_shard(index, run, path, compression, resume, report)


def runs_of(order: np.ndarray, count: int) -> list[np.ndarray]:
    """What each of so many shards has of an order."""
    bounds = np.arange(count + 1) * len(order) // count
    return [order[begin:end] for begin, end in itertools.pairwise(bounds)]


def _write_shard(
    index: Index, numbers: np.ndarray, path: Path, compression: str, resume: bool, report: Advance
) -> None:
    sizes = index.sizes[numbers]
    ends = np.cumsum(sizes.astype("int64") + HEADER + FOOTER)
    size = int(ends[-1]) if len(ends) else 0
    sidecar = path.with_name(path.name + INDEX_SUFFIX)
    if resume and path.exists() and (compression != "none" or path.stat().st_size == size):
        report(size)
    else:
        sidecar.unlink(missing_ok=True)  # rather none than that of what was there before
        with replace_file(path) as draft, open_to_write(draft, compression) as file:
            begin = 0
            while begin < len(numbers):
                done = int(ends[begin - 1]) if begin else 0
                end = max(begin + 1, int(np.searchsorted(ends, done + GROUP, "right")))
                file.write(_frames(index, numbers[begin:end]))
                report(int(ends[end - 1]) - done)
                begin = end
    if compression == "none" and not sidecar.exists():
        write_index(path, sizes)


def _frames(index: Index, numbers: np.ndarray) -> np.ndarray:
    """The frames of records, one after the other."""
    sizes = index.sizes[numbers].astype("int64") + HEADER + FOOTER
    targets = np.cumsum(sizes) - sizes
    frames = np.empty(int(sizes.sum()), "uint8")
    view = frames.data
    # Forward through the files, and in one piece what lies together both there and here.
    files, places = index.file[numbers], index.begins[numbers] - HEADER
    forward = np.lexsort((places, files))
    files, places, targets, lengths = files[forward], places[forward], targets[forward], sizes[forward]
    joined = (np.diff(files) == 0) & (np.diff(places) == lengths[:-1]) & (np.diff(targets) == lengths[:-1])
    firsts = np.flatnonzero(np.concatenate([[True], ~joined]))
    lengths = np.add.reduceat(lengths, firsts)
    files, places, targets = files[firsts], places[firsts], targets[firsts]
    for number in np.unique(files):
        here = files == number
        pieces = list(zip(places[here].tolist(), targets[here].tolist(), lengths[here].tolist(), strict=True))
        with Path(index.files[number]).open("rb", buffering=0) as file:
            _fill(file.fileno(), view, pieces)
    found = scan(frames, most=len(numbers)).records
    right = found.sizes == index.sizes[numbers[: len(found)]]
    if len(found) < len(numbers) or not right.all():
        raise _damage(index, int(numbers[len(found) if right.all() else np.argmin(right)]))
    return frames


def _damage(index: Index, number: int) -> DamagedFileError:
    """What is said of a record that is not as the index says."""
    file, begin = index.file[number], int(index.begins[number])
    record = int(np.count_nonzero(index.begins[index.file == file] < begin))
    path = Path(index.files[file])
    beside = path.with_name(path.name + INDEX_SUFFIX)
    problem = "it is damaged, or the file has changed since its index was made"
    if beside.exists():
        problem += f"; if {beside.name} is that of another file, remove it"
    return DamagedFileError(path, record, begin - HEADER, problem)


def _fill(file: int, view: memoryview, pieces: list[tuple[int, int, int]]) -> None:
    """Reads pieces of a file to their places."""
    if hasattr(os, "posix_fadvise"):
        for place, _, size in pieces:  # so that a disk works on many at a time
            os.posix_fadvise(file, place, size, os.POSIX_FADV_WILLNEED)
    for place, target, size in pieces:
        while size > 0:
            had = os.preadv(file, [view[target : target + size]], place)
            if had == 0:
                view[target : target + size] = bytes(size)  # which is no record
                break
            place, target, size = place + had, target + had, size - had
