"""Recovery of the valid records in a damaged TFRecord file."""

import mmap
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tensorsmith.core import Advance, replace_file, temporary_folder, unreported
from tensorsmith.records import find, scan
from tensorsmith.records.record import FOOTER, HEADER
from tensorsmith.tfrecord._support.folder_lock import folder_lock
from tensorsmith.tfrecord.shards.compression import CHUNK, ERRORS, open_to_read, open_to_write
from tensorsmith.tfrecord.shards.index import check_index, index_path, replace_index
from tensorsmith.tfrecord.shards.paths import check_not_companion, check_target
from tensorsmith.tfrecord.shards.reading import compression_of_file

ROOM = 1 << 25  # bytes scanned at a time, unless a record is larger


@dataclass(frozen=True)
class Gap:
    """Damaged byte range of a file. It contains no valid record.

    Attributes:
        offset: Byte offset at which the gap begins; in a compressed file, the offset in the decompressed content.
        size: Size of the gap in bytes.
        records: Number of records in the gap if their lengths are sound, otherwise `None`.
        problem: Description of the damage of the first record.
    """

    offset: int
    size: int
    records: int | None
    problem: str


@dataclass(frozen=True)
class Repaired:
    """Result of repairing a TFRecord file.

    Attributes:
        records: Number of records that were recovered.
        size: Size of these records in bytes, including record frames.
        gaps: Parts of the file that were skipped, in file order.
    """

    records: int
    size: int
    gaps: tuple[Gap, ...]


def repair(path: str | os.PathLike[str], target: str | os.PathLike[str], report: Advance = unreported) -> Repaired:
    """Recovers the records with valid checksums from a damaged file and writes them to another file.

    After a damaged record, reading continues at the position given by its length. If there is no sound record at that
    position, or if the length itself is damaged, every byte offset is searched for the next sound record.

    Args:
        path: Path of the file to repair. A compressed file is read up to the point at which decompression fails.
        target: Path of the output file, which has the same compression as `path`. If the file is not compressed, an
            index is also written.
        report: Function that is called with the number of bytes processed since the previous call.

    Returns:
        A `Repaired` with the number of records that were recovered and the gaps between them.

    Raises:
        FileNotFoundError: If `path` or the folder of `target` does not exist.
        ValueError: If `target` or its index is the same file as `path`, if `target` is a folder, the index of `path` or
            the `schema.yaml` next to it, or if the index of `target` is not an index but another file.
        BlockingIOError: If another process is writing to the folder of `target`.
    """
    path, target = Path(path), Path(target)
    compression = compression_of_file(path)
    for output in (target, index_path(target)):
        check_target("target", output, [path])
    check_not_companion("target", target, [path])
    check_index(target)
    with folder_lock(target.parent), temporary_folder(target.parent) as folder:
        content, problem = path, ""
        if compression != "none":
            content = folder / "content"
            problem = _unpack(path, content, compression)
        size = content.stat().st_size
        with content.open("rb") as file, replace_file(target) as draft:
            memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
            sizes, gaps = _copy(memory, draft, compression, report)
            index_path(target).unlink(missing_ok=True)  # no index is better than the index of the previous file
        if compression == "none":
            replace_index(target, sizes)
    if problem:
        gaps.append(Gap(size, 0, None, f"the compressed data after this point is corrupted: {problem}"))
    return Repaired(len(sizes), int(sizes.sum()) + len(sizes) * (HEADER + FOOTER), tuple(gaps))


def _copy(memory: mmap.mmap | bytes, draft: Path, compression: str, report: Advance) -> tuple[np.ndarray, list[Gap]]:
    """Writes the valid records of a file to `draft`, and returns the record sizes and the damaged byte ranges."""
    data = np.frombuffer(memory, "uint8")
    sizes, gaps, at, room = [np.zeros(0, "int64")], [], 0, ROOM
    with open_to_write(draft, compression) as file:
        while at < data.size:
            found = scan(data[at : at + room])
            # A record larger than the window: scan again with a window that holds all of it.
            if room < found.needed <= data.size - at:
                room = found.needed
                continue
            done = found.consumed
            if done:
                file.write(data[at : at + done])
                sizes.append(found.records.sizes.copy())
            else:
                gaps.append(_gap(data, at, found.damage or "the file ends within it"))
                done = gaps[-1].size
            report(done)
            at, room = at + done, ROOM
            if isinstance(memory, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
                memory.madvise(mmap.MADV_DONTNEED)  # releases the pages that were read
    return np.concatenate(sizes), gaps


def _gap(data: np.ndarray, begin: int, problem: str) -> Gap:
    """Returns the damaged byte range from the start of a damaged record to the next valid record."""
    records, at = 0, begin
    # Follow the lengths of the records, whose checksums are separate from those of the data.
    while at < data.size:
        found = scan(data[at:], check_data=False, most=1)
        if not len(found.records):
            break
        records, at = records + 1, at + found.consumed
        if len(scan(data[at:], most=1).records) or at == data.size:
            return Gap(begin, at - begin, records, problem)
    # No length to follow: search for the next sound record.
    at = begin + 1
    return Gap(begin, 1 + find(data[at:]), None, problem)


def _unpack(path: Path, content: Path, compression: str) -> str:
    """Decompresses as much of a file as possible, and returns a description of the damage, if any."""
    with open_to_read(path, compression) as source, content.open("wb") as out:
        try:
            while chunk := source.read1(CHUNK):
                out.write(chunk)
        except ERRORS as error:
            return str(error)
    return ""
