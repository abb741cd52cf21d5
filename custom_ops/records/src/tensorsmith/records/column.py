"""The values of one feature in all rows of a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tensorsmith.core import check
from tensorsmith.records.record import check_array

KINDS = ("bytes", "float", "int64")  # of values in tf.train.Feature, in the order of its fields
DTYPES = {"bytes": "uint8", "float": "float32", "int64": "int64"}


@dataclass(frozen=True, eq=False)
class Column:
    """The values of one feature in all rows: for each row a list of values, or of sequences of steps a list of lists.

    The values of all rows lie one after the other, and further arrays say where each row begins, as in
    `tf.RaggedTensor` and in Arrow; so nothing is kept, or done, for each value in Python.

    Attributes:
        kind: "bytes", "float" or "int64".
        values: float32 or int64 `(values,)`; of bytes uint8 `(bytes,)`, one value after the other.
        rows: Which value each row begins with, and the number of values: int64 `(rows + 1,)`. Of sequences, steps in
            place of values.
        bounds: Of bytes, where each value begins in `values`, and their end: int64 `(values + 1,)`.
        steps: Of sequences, which value each step begins with, and the number of values: int64 `(steps + 1,)`.
        present: Whether each row has the feature at all: bool `(rows,)`; `None` means that all have.

    Raises:
        ValueError: The arrays do not fit each other.

    Example:
        >>> column = Column.of(["a", "bc"])
        >>> column.rows, column.bounds, column.values.tobytes()
        (array([0, 1, 2]), array([0, 1, 3]), b'abc')
        >>> Column.lists("int64", [[1, 2], None, []]).to_lists()
        [[1, 2], None, []]
    """

    kind: str
    values: np.ndarray
    rows: np.ndarray
    bounds: np.ndarray | None = None
    steps: np.ndarray | None = None
    present: np.ndarray | None = None

    def __post_init__(self) -> None:
        check(self.kind in KINDS, "kind", self.kind, " or ".join(KINDS))
        check_array("values", self.values, DTYPES[self.kind])
        check(
            (self.bounds is None) == (self.kind != "bytes"),
            "bounds",
            self.bounds,
            "the places of values that are bytes",
        )
        count = _check_splits("bounds", self.bounds, self.values.size, "bytes in `values`")
        count = _check_splits("steps", self.steps, count, "values")
        _check_splits("rows", self.rows, count, "values or steps")
        if self.present is not None:
            check_array("present", self.present, "bool")
            check(self.present.size == len(self), "present", self.present.size, f"one for each of {len(self)} rows")

    def __len__(self) -> int:
        return len(self.rows) - 1

    @classmethod
    def of(cls, array: Any) -> "Column":
        """A column of an array with one row for each element along its first axis, without a copy where none is needed.

        Args:
            array: `(rows, ...)` of floats (kept as float32), integers or booleans (kept as int64), or texts and bytes.

        Raises:
            ValueError: It is a scalar, has another dtype, or an unsigned integer is too large for int64.
        """
        array = np.asarray(array)
        check(array.ndim > 0, "array", array, "an array with an axis for rows")
        each = int(np.prod(array.shape[1:]))
        rows = np.arange(0, len(array) * each + 1, each) if each else np.zeros(len(array) + 1, "int64")
        if array.dtype.kind == "f":
            return cls("float", _flat(array, "float32"), rows)
        if array.dtype.kind in "iub":
            fits = array.dtype != "uint64" or array.size == 0 or array.max() < 2**63
            check(fits, "array", "integers beyond 2^63", "integers that int64 holds", "store their bytes")
            return cls("int64", _flat(array, "int64"), rows)
        check(array.dtype.kind in "SUO", "array", array.dtype, "numbers, texts or bytes")
        texts = [text.encode() if isinstance(text, str) else text for text in array.ravel().tolist()]
        data, places = _joined(texts)
        return cls("bytes", data, rows, bounds=places)

    @classmethod
    def of_raw(cls, array: np.ndarray) -> "Column":
        """A column of bytes: the memory of each row as one value.

        Args:
            array: `(rows, ...)` of uint8, such as encoded or raw pictures of one size.
        """
        check(array.dtype == "uint8" and array.ndim > 0, "array", array.dtype, "rows of uint8")
        each = int(np.prod(array.shape[1:]))
        places = np.arange(len(array) + 1)
        return cls("bytes", _flat(array, "uint8"), places, bounds=places * each)

    @classmethod
    def lists(cls, kind: str, rows: Sequence[Any], sequence: bool = False) -> "Column":
        """A column of Python lists, one for each row, or `None` where a row has no such feature.

        Args:
            kind: "bytes", "float" or "int64".
            rows: Lists of values; of sequences lists of lists.
            sequence: Whether rows hold steps that hold values.
        """
        present = np.array([row is not None for row in rows], "bool")
        filled = [row if row is not None else [] for row in rows]
        row_places = _places([len(row) for row in filled])
        steps = [step for row in filled for step in row] if sequence else filled
        step_places = _places([len(step) for step in steps]) if sequence else None
        values = [value for step in steps for value in step]
        there = None if present.all() else present
        if kind == "bytes":
            data, places = _joined(values)
            return cls(kind, data, row_places, places, step_places, there)
        check(kind in KINDS, "kind", kind, " or ".join(KINDS))
        return cls(kind, np.array(values, DTYPES[kind]), row_places, None, step_places, there)

    def to_lists(self) -> list[Any]:
        """What `lists` takes."""
        values: list[Any] = self.values.tolist()
        if self.bounds is not None:
            memory = self.values.tobytes()
            values = [memory[begin:end] for begin, end in _pairs(self.bounds)]
        if self.steps is not None:
            values = [values[begin:end] for begin, end in _pairs(self.steps)]
        present = [True] * len(self) if self.present is None else self.present.tolist()
        rows = [values[begin:end] for begin, end in _pairs(self.rows)]
        return [row if there else None for row, there in zip(rows, present, strict=True)]


def _flat(array: np.ndarray, dtype: str) -> np.ndarray:
    return np.ascontiguousarray(array, dtype).reshape(-1)


def _joined(values: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Values one after the other, and where each begins."""
    return np.frombuffer(b"".join(values), "uint8"), _places([len(value) for value in values])


def _places(sizes: list[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(sizes, dtype="int64")]).astype("int64")


def _pairs(places: np.ndarray) -> Any:
    return zip(places[:-1].tolist(), places[1:].tolist(), strict=True)


def _check_splits(name: str, places: np.ndarray | None, count: int, what: str) -> int:
    """How many parts places divide `count` things into; all of them, where there are no places."""
    if places is None:
        return count
    check_array(name, places, "int64")
    rises = len(places) > 0 and places[0] >= 0 and places[-1] <= count and bool((places[1:] >= places[:-1]).all())
    check(rises, name, places, f"rising places among {count} {what}")
    return len(places) - 1
