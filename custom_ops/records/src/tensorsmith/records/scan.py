"""Splitting of TFRecord data into records."""

import ctypes
from dataclasses import dataclass

import numpy as np

from tensorsmith.records import reference
from tensorsmith.records.library import CScan, address, library
from tensorsmith.records.record import FOOTER, HEADER, Records, check_array

DAMAGES = ("", "the length of a record is damaged", "the data of a record are damaged")


@dataclass(frozen=True)
class Scan:
    """Result of scanning TFRecord data: the records, and the damage that ended the scan, if any.

    Attributes:
        records: Complete and valid records.
        consumed: Total size of these records in bytes, frames included. The next record begins at this offset.
        needed: Size of the next record in bytes, frame included, if it is incomplete. It is 0 if all bytes were
            consumed, or if the length of the next record is incomplete.
        damage: Description of the damage of the next record. Empty if no damage was found.
    """

    records: Records
    consumed: int
    needed: int
    damage: str


def scan(data: np.ndarray, check_data: bool = True, most: int | None = None) -> Scan:
    """Splits TFRecord data into records, up to the first damaged or incomplete record.

    Args:
        data: uint8 array of shape `(bytes,)` that starts at a record boundary.
        check_data: If `True`, verify the checksums of the data. The checksums of the lengths are always verified.
        most: Maximum number of records to return. If `None`, there is no limit.

    Returns:
        A `Scan` object.

    Example:
        >>> from tensorsmith.records import Column, encode
        >>> data = encode({"x": Column.of([1, 2, 3])}).data
        >>> found = scan(data[:-1])
        >>> len(found.records), len(data) - found.consumed == found.needed
        (2, True)
    """
    check_array("data", data, "uint8")
    room = data.size // (HEADER + FOOTER) + 1  # including one that may be incomplete
    most = room if most is None else min(most, room)
    native = library()
    if native is None:
        begins, sizes, consumed, needed, damage = reference.scan(data, check_data, most)
        return Scan(Records(data, begins, sizes), consumed, needed, DAMAGES[damage])
    begins, sizes, found = np.empty(most, "int64"), np.empty(most, "int64"), CScan()
    native.scan(address(data), data.size, check_data, most, address(begins), address(sizes), ctypes.byref(found))
    records = Records(data, begins[: found.records], sizes[: found.records])
    return Scan(records, found.consumed, found.needed, DAMAGES[found.damage])


def find(data: np.ndarray) -> int:
    """Finds the first complete record with valid checksums in TFRecord data that may start inside a record.

    Args:
        data: uint8 array of shape `(bytes,)` that contains a part of a file. The part may start at any offset.

    Returns:
        The offset of the record, frame included, or the size of `data` if there is none.

    Example:
        >>> from tensorsmith.records import Column, encode
        >>> find(encode({"x": Column.of([1, 2, 3])}).data[1:])
        29
    """
    check_array("data", data, "uint8")
    native = library()
    if native is None:
        positions = (position for position in range(data.size) if len(scan(data[position:], most=1).records))
        return next(positions, data.size)
    return int(native.find(address(data), data.size))
