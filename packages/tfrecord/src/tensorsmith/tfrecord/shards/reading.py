"""Sequential reading of TFRecord files."""

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
    """Error raised if a TFRecord file is corrupted.

    Attributes:
        path: Path of the TFRecord file.
        record: Index of the first record that cannot be read.
        offset: Byte offset of this record; in a compressed file, the offset in the decompressed content.
        problem: Description of the corruption.
    """

    def __init__(self, path: Path, record: int, offset: int, problem: str):
        super().__init__(f"{path}: record {record:,}, at byte {offset:,}: {problem}")
        self.path, self.record, self.offset, self.problem = path, record, offset, problem


@dataclass(frozen=True)
class Part:
    """Group of consecutive records of a TFRecord file.

    Attributes:
        records: Serialized records, whose memory is reused when the next part is read.
        first: Index of the first record in the file.
        offset: Byte offset of the first record; in a compressed file, the offset in the decompressed content.
    """

    records: Records
    first: int
    offset: int

    @property
    def size(self) -> int:
        """Size of the records in bytes, including their lengths and checksums."""
        return int(self.records.sizes.sum()) + len(self.records) * (HEADER + FOOTER)

    def damage(self, path: Path, error: RecordError) -> DamagedFileError:
        """Returns the error for a damaged record in this group, including its position in the file."""
        offset = self.offset + int(self.records.begins[error.row]) - int(self.records.begins[0])
        return DamagedFileError(path, self.first + error.row, offset, error.problem)


def read(path: str | os.PathLike[str], check_data: bool = True) -> Iterator[Part]:
    """Yields groups of consecutive records of a TFRecord file, whose compression is detected from its first bytes.

    Args:
        path: Path of the TFRecord file, which may be compressed.
        check_data: If `True`, verify the checksums of the record data. The checksums of the record lengths are always
            verified.

    Yields:
        A `Part` with consecutive records.

    Raises:
        FileNotFoundError: If the file does not exist.
        DamagedFileError: If a record is damaged, or if the file ends within a record. All records before it are
            yielded first.
    """
    path = Path(path)
    compression = compression_of_file(path)
    with open_to_read(path, compression) as stream:
        yield from _parts(path, stream, check_data, path.stat().st_size if compression == "none" else None)


def check_regular(path: Path) -> None:
    """Raises an error if a path is a named pipe, a socket or a device, whose reading may never end."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(f"{path}: not a regular file but a named pipe, a socket or a device")


def compression_of_file(path: Path) -> str:
    """Returns the compression of a file, or "none" if it starts with a record length and its checksum."""
    check_regular(path)
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
            raise DamagedFileError(path, first, offset, f"the compressed data is corrupted: {error}") from None
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
            raise DamagedFileError(path, first, offset, f"the file is truncated: {missing}")
        if count == 0:
            return
        left = room[found.consumed : found.consumed + filled]
        if found.consumed == 0 and filled == len(room):
            room = np.empty(
                min(2 * len(room), found.needed), "uint8"
            )  # grows by doubling, so that a wrong length cannot allocate much more than the size of the file
        room[:filled] = left
