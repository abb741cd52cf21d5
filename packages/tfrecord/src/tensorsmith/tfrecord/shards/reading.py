"""Reading the records of TFRecord files, in the order in which they lie there."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tensorsmith.records import RecordError, Records, scan
from tensorsmith.records.record import FOOTER, HEADER
from tensorsmith.tfrecord.shards.compression import ERRORS, compression_of, open_to_read

CHUNK = 1 << 22


class DamagedFileError(OSError):
    """A file that is not what was written.

    Attributes:
        path: The file.
        record: Number of the first record that cannot be had.
        offset: The byte it begins with; in a compressed file, of the content.
        problem: What is wrong.
    """

    def __init__(self, path: Path, record: int, offset: int, problem: str):
        super().__init__(f"{path}: record {record:,}, at byte {offset:,}: {problem}")
        self.path, self.record, self.offset, self.problem = path, record, offset, problem


@dataclass(frozen=True)
class Part:
    """Some records of a file, one after the other.

    Attributes:
        records: The records; their memory is used again when the next part is read.
        first: Number of the first one.
        offset: The byte it begins with; in a compressed file, of the content.
    """

    records: Records
    first: int
    offset: int

    @property
    def size(self) -> int:
        """How many bytes the records take, frames included."""
        return int(self.records.sizes.sum()) + len(self.records) * (HEADER + FOOTER)

    def damage(self, path: Path, error: RecordError) -> DamagedFileError:
        """What is wrong with one of the records, as a problem of the file."""
        offset = self.offset + int(self.records.begins[error.row]) - int(self.records.begins[0])
        return DamagedFileError(path, self.first + error.row, offset, error.problem)


def read(path: str | os.PathLike[str], check_data: bool = True) -> Iterator[Part]:
    """Reads a file of records, compressed or not, which is told by its beginning.

    Args:
        path: The file.
        check_data: Whether the checksums of the records' data are compared; those of their lengths always are.

    Raises:
        FileNotFoundError: There is no such file.
        DamagedFileError: A record is damaged, or the file ends within one; all records before it came out.
    """
    path = Path(path)
    compression = compression_of_file(path)
    with open_to_read(path, compression) as stream:
        yield from _parts(path, stream, check_data, path.stat().st_size if compression == "none" else None)


def compression_of_file(path: Path) -> str:
    """How a file is compressed, if at all: not, where it begins with a length and its checksum."""
    with path.open("rb") as file:
        head = file.read(HEADER)
    is_length = scan(np.frombuffer(head, "uint8")).needed > 0
    return "none" if is_length else compression_of(head)


def _parts(path: Path, stream: Any, check_data: bool, size: int | None) -> Iterator[Part]:
    room, filled, first, offset = np.empty(CHUNK, "uint8"), 0, 0, 0
    while True:
        try:
            count = stream.readinto(room[filled:].data)
        except ERRORS as error:
            raise DamagedFileError(path, first, offset, f"the compressed content is damaged: {error}") from None
        filled += count
        found = scan(room[:filled], check_data)
        if len(found.records):
            yield Part(found.records, first, offset)
        first, offset, filled = first + len(found.records), offset + found.consumed, filled - found.consumed
        if found.damage:
            raise DamagedFileError(
                path, first, offset, found.damage + ("; is it a TFRecord file?" if first == 0 else "")
            )
        beyond = size is not None and offset + found.needed > size
        if beyond or (count == 0 and filled):
            missing = f"{found.needed - filled:,} bytes are missing" if found.needed else "its length is missing"
            raise DamagedFileError(path, first, offset, f"the file ends within it: {missing}")
        if count == 0:
            return
        left = room[found.consumed : found.consumed + filled]
        if found.consumed == 0 and filled == len(room):
            room = np.empty(
                min(2 * len(room), found.needed), "uint8"
            )  # never more than what the file has shown to be there
        room[:filled] = left
