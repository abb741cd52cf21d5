"""Records in memory, and what is said of one that cannot be read."""

from dataclasses import dataclass

import numpy as np

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
    """

    data: np.ndarray
    begins: np.ndarray
    sizes: np.ndarray

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
