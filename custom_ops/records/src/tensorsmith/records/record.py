"""In-memory records, and the error raised for invalid records."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tensorsmith.core import ArgumentError, ExpectedError, Verbatim, argument_error, check, printable

HEADER, FOOTER = 12, 4  # sizes of a frame before and after the data of a record


class RecordError(ExpectedError, ValueError):
    """Error raised if a record cannot be read or written.

    Attributes:
        row: Index of the invalid record.
        problem: Description of why the record is invalid.
    """

    def __init__(self, row: int, problem: str):
        self.row, self.problem = row, printable(problem)
        super().__init__(f"record {row}: {self.problem}")


class FeatureError(ArgumentError, ExpectedError):
    """Error raised if records differ in the type of a feature, or in whether it is a sequence.

    Args:
        name: Name of the feature.
        received: Description of what the records contain.
        expected: Description of valid records, as in `tensorsmith.core.argument_error`.
        remedy: Advice on how to fix the records.
    """

    def __init__(self, name: str, received: str, expected: str, remedy: str):
        shown = printable(name) or '""'
        error = argument_error(f"feature {shown}", Verbatim(received), expected, remedy)
        super().__init__(str(error))
        vars(self).update(vars(error))


@dataclass(frozen=True, eq=False)
class Records:
    """Serialized records in one byte array, with the offset and size of each record.

    Attributes:
        data: uint8 array of shape `(bytes,)`.
        begins: int64 array of shape `(records,)` with the offset of each record's data.
        sizes: int64 array of shape `(records,)` with the size of each record's data in bytes.

    Raises:
        ValueError: If an array has an invalid dtype or shape, or if a record is not inside `data`.
    """

    data: np.ndarray
    begins: np.ndarray
    sizes: np.ndarray

    def __post_init__(self) -> None:
        check_array("data", self.data, "uint8")
        check_array("begins", self.begins, "int64")
        check_array("sizes", self.sizes, "int64")
        one = len(self.begins) == len(self.sizes)
        check(
            one,
            "sizes",
            Verbatim(f"{len(self.sizes)} sizes"),
            f"have one size for each of the {len(self.begins)} records",
        )
        room = self.data.size - self.begins
        inside = bool((self.begins >= 0).all() and (self.sizes >= 0).all() and (self.sizes <= room).all())
        check(
            inside,
            "begins and sizes",
            (self.begins, self.sizes),
            f"define ranges within the {self.data.size} bytes of `data`",
        )

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, index: int) -> bytes:
        """Returns the data of the record with the given index as bytes."""
        begin = int(self.begins[index])
        return self.data[begin : begin + int(self.sizes[index])].tobytes()

    @classmethod
    def of(cls, messages: list[bytes]) -> "Records":
        """Returns records created from a list of serialized messages, stored contiguously and without framing."""
        sizes = np.fromiter(map(len, messages), "int64", len(messages))
        return cls(np.frombuffer(b"".join(messages), "uint8"), np.cumsum(sizes) - sizes, sizes)


def check_array(name: str, array: Any, dtype: str) -> None:
    """Checks that an array can be passed to the compiled library."""
    shape = f"{getattr(array, 'dtype', type(array).__name__)} {getattr(array, 'shape', '')}"
    fits = isinstance(array, np.ndarray) and array.dtype == dtype and array.ndim == 1 and array.flags.c_contiguous
    check(fits, name, shape, f"a contiguous array of shape (n,) and dtype {dtype}")
