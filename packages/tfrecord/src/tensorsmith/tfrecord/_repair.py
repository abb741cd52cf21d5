"""Keeping what is sound of a damaged file."""

import mmap
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tensorsmith.core import Advance, replace_file, unreported
from tensorsmith.records import find, scan
from tensorsmith.records.record import FOOTER, HEADER
from tensorsmith.tfrecord.shards.compression import CHUNK, ERRORS, open_to_read, open_to_write
from tensorsmith.tfrecord.shards.index import INDEX_SUFFIX, write_index
from tensorsmith.tfrecord.shards.paths import check_target
from tensorsmith.tfrecord.shards.reading import compression_of_file

ROOM = 1 << 25  # bytes read at a time, unless one record has more


@dataclass(frozen=True)
class Gap:
    """A part of a file that holds no sound record.

    Attributes:
        offset: The byte it begins with; in a compressed file, of the content.
        size: How many bytes it has.
        records: How many records it was, where their lengths are sound; otherwise `None`.
        problem: What is wrong with the first one.
    """

    offset: int
    size: int
    records: int | None
    problem: str


@dataclass(frozen=True)
class Repaired:
    """What a repair kept.

    Attributes:
        records: How many records.
        size: How many bytes of the file they take, frames included.
        gaps: What was left out, in order.
    """

    records: int
    size: int
    gaps: tuple[Gap, ...]


def repair(path: str | os.PathLike[str], target: str | os.PathLike[str], report: Advance = unreported) -> Repaired:
    """Writes the records of a file whose checksums are right into another file.

    After a record that is damaged, reading goes on where its length says that the next one begins; if there is none, or
    the length is damaged, with the first sound record behind it, which is looked for at every byte.

    Args:
        path: The file. Of a compressed one, that part is read which can be unpacked.
        target: The file to write, compressed as `path` is; with an index beside it where it is not compressed.
        report: Called with each number of bytes that are done.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: `target` is the file itself.
    """
    path, target = Path(path), Path(target)
    compression = compression_of_file(path)
    check_target("target", target, [path])
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".repair-") as folder:
        content, problem = path, ""
        if compression != "none":
            content = Path(folder) / "content"
            problem = _unpack(path, content, compression)
        size = content.stat().st_size
        target.with_name(target.name + INDEX_SUFFIX).unlink(missing_ok=True)
        with content.open("rb") as file, replace_file(target) as draft:
            memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
            sizes, gaps = _copy(memory, draft, compression, report)
    if problem:
        gaps.append(Gap(size, 0, None, f"the compressed content behind it is damaged: {problem}"))
    if compression == "none":
        write_index(target, sizes)
    return Repaired(len(sizes), int(sizes.sum()) + len(sizes) * (HEADER + FOOTER), tuple(gaps))


def _copy(memory: mmap.mmap | bytes, draft: Path, compression: str, report: Advance) -> tuple[np.ndarray, list[Gap]]:
    """Writes the sound records; returns the sizes of their data, and what was left out."""
    data = np.frombuffer(memory, "uint8")
    sizes, gaps, at, room = [np.zeros(0, "int64")], [], 0, ROOM
    with open_to_write(draft, compression) as file:
        while at < data.size:
            found = scan(data[at : at + room])
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
                memory.madvise(mmap.MADV_DONTNEED)  # what was read may leave memory
    return np.concatenate(sizes), gaps


def _gap(data: np.ndarray, begin: int, problem: str) -> Gap:
    """The bytes from a record that is damaged to the next one that is sound."""
    records, at = 0, begin
    while at < data.size:
        found = scan(data[at:], check_data=False, most=1)
        if not len(found.records):
            break
        records, at = records + 1, at + found.consumed
        if len(scan(data[at:], most=1).records) or at == data.size:
            return Gap(begin, at - begin, records, problem)
    at = begin + 1
    return Gap(begin, 1 + find(data[at:]), None, problem)


def _unpack(path: Path, content: Path, compression: str) -> str:
    """Unpacks as much as can be; says what is wrong with the rest."""
    with open_to_read(path, compression) as source, content.open("wb") as out:
        try:
            while chunk := source.read1(CHUNK):
                out.write(chunk)
        except ERRORS as error:
            return str(error)
    return ""
