"""Records in memory, and what is said of one that cannot be read."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tensorsmith.core import check

HEADER, FOOTER = 12, 4  # bytes of a frame before and after a record's data


class RecordError(ValueError):
    """A record that cannot be read or written.

    Attributes:
        row: Its number among those that were given.
        problem: What is wrong with it.
    """

    def __init__(self, row: int, problem: str):
        super().__init__(f"record {row}: {problem}")
        self.row, self.problem = row, problem


@dataclass(frozen=True, eq=False)
class Records:
    """Bytes that hold records, and where in them the records' data lie.

    Attributes:
        data: uint8 `(bytes,)`.
        begins: Where the data of each record begin, int64 `(records,)`.
        sizes: How many bytes they have, int64 `(records,)`.

    Raises:
        ValueError: The arrays are of another kind, or a record does not lie within the bytes.
    """

    data: np.ndarray
    begins: np.ndarray
    sizes: np.ndarray

    def __post_init__(self) -> None:
        check_array("data", self.data, "uint8")
        check_array("begins", self.begins, "int64")
        check_array("sizes", self.sizes, "int64")
        one = len(self.begins) == len(self.sizes)
        check(one, "sizes", f"{len(self.sizes)} sizes", f"one for each of {len(self.begins)} records")
        room = self.data.size - self.begins
        inside = bool((self.begins >= 0).all() and (self.sizes >= 0).all() and (self.sizes <= room).all())
        check(inside, "begins, sizes", (self.begins, self.sizes), f"places within {self.data.size} bytes")

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, index: int) -> bytes:
        """The data of one record."""
        begin = int(self.begins[index])
        return self.data[begin : begin + int(self.sizes[index])].tobytes()

    @classmethod
    def of(cls, messages: list[bytes]) -> "Records":
        """Records that lie one after the other, without frames."""
        sizes = np.fromiter(map(len, messages), "int64", len(messages))
        return cls(np.frombuffer(b"".join(messages), "uint8"), np.cumsum(sizes) - sizes, sizes)


def check_array(name: str, array: Any, dtype: str) -> None:
    """Sees that compiled code can read an array."""
    shape = f"{getattr(array, 'dtype', type(array).__name__)} {getattr(array, 'shape', '')}"
    fits = isinstance(array, np.ndarray) and array.dtype == dtype and array.ndim == 1 and array.flags.c_contiguous
    check(fits, name, shape, f"a contiguous array (n,) of {dtype}")
