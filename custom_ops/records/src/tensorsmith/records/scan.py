"""Finding the records within the bytes of a TFRecord file."""

import ctypes
from dataclasses import dataclass

import numpy as np

from tensorsmith.records import reference
from tensorsmith.records.library import CScan, address, library
from tensorsmith.records.record import FOOTER, HEADER, Records, check_array

DAMAGES = ("", "the length of a record is damaged", "the data of a record are damaged")


@dataclass(frozen=True)
class Scan:
    """What bytes hold.

    Attributes:
        records: Those that are whole and sound.
        consumed: How many bytes they take, frames included; what comes next begins there.
        needed: How many bytes the next record takes, frame included, of which some are missing; 0 where all bytes were
            consumed, or where not even its length is there.
        damage: What is wrong with the next record; empty where nothing is known to be.
    """

    records: Records
    consumed: int
    needed: int
    damage: str


def scan(data: np.ndarray, check_data: bool = True, most: int | None = None) -> Scan:
    """Finds records one after the other, up to the first that is damaged or not there to its end.

    Args:
        data: uint8 `(bytes,)` from where a record begins.
        check_data: Whether the records' own checksums are compared; those of their lengths always are.
        most: How many records to find at most.

    Example:
        >>> from tensorsmith.records import Column, encode
        >>> data = encode({"x": Column.of([1, 2, 3])}).data
        >>> found = scan(data[:-1])
        >>> len(found.records), len(data) - found.consumed == found.needed
        (2, True)
    """
    check_array("data", data, "uint8")
    room = data.size // (HEADER + FOOTER) + 1  # the last of which may lack its end
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
    """Finds the first record that is whole, and sound by both its checksums, wherever it lies.

    Args:
        data: uint8 `(bytes,)` from anywhere in a file.

    Returns:
        The byte it begins with, frame included; where there is none, the number of bytes.

    Example:
        >>> from tensorsmith.records import Column, encode
        >>> find(encode({"x": Column.of([1, 2, 3])}).data[1:])
        29
    """
    check_array("data", data, "uint8")
    native = library()
    if native is None:
        places = (place for place in range(data.size) if len(scan(data[place:], most=1).records))
        return next(places, data.size)
    return int(native.find(address(data), data.size))
