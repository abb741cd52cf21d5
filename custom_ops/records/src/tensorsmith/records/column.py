"""Columns of feature values, the data format of this package."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tensorsmith.core import Verbatim, check
from tensorsmith.records.record import check_array

KINDS = ("bytes", "float", "int64")  # kinds of values in tf.train.Feature, in field order
DTYPES = {"bytes": "uint8", "float": "float32", "int64": "int64"}


@dataclass(frozen=True, eq=False)
class Column:
    """Values of one feature in all rows. Each row contains a list of values, or a list of lists for sequences.

    The values of all rows are stored contiguously, with offset arrays that mark the beginning of each row, as in
    `tf.RaggedTensor` and Arrow. There is no Python object or operation per value.

    Attributes:
        kind: Type of the values: `"bytes"`, `"float"` or `"int64"`.
        values: float32 or int64 array of shape `(values,)`. For kind `"bytes"`, a uint8 array of shape `(bytes,)` with
            the concatenated values.
        rows: int64 array of shape `(rows + 1,)` with the index of the first value of each row, followed by the number
            of values. For sequences, with indices of steps instead of values.
        bounds: int64 array of shape `(values + 1,)` with the offset of each value in `values`, followed by the end of
            the last one. Only for kind `"bytes"`.
        steps: int64 array of shape `(steps + 1,)` with the index of the first value of each step, followed by the
            number of values. Only for sequences.
        present: bool array of shape `(rows,)`, `True` for each row that has the feature. If `None`, all rows have it.

    Raises:
        ValueError: If the arrays do not match.

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
            "an array if `kind` is 'bytes', and None otherwise",
        )
        count = _check_splits("bounds", self.bounds, self.values.size, "bytes in `values`")
        count = _check_splits("steps", self.steps, count, "values")
        _check_splits("rows", self.rows, count, "values or steps")
        if self.present is not None:
            check_array("present", self.present, "bool")
            check(
                self.present.size == len(self),
                "present",
                Verbatim(f"{self.present.size} flags"),
                f"have one flag for each of the {len(self)} rows",
            )

    def __len__(self) -> int:
        return len(self.rows) - 1

    @classmethod
    def of(cls, array: Any) -> "Column":
        """Returns a column with one row per element of the first axis of an array, without a copy if possible.

        Args:
            array: Array of shape `(rows, ...)` of floats (stored as float32), integers or booleans (stored as int64),
                strings or bytes.

        Raises:
            ValueError: If `array` is a scalar, has an unsupported dtype, or contains unsigned integers that do not fit
                int64.
        """
        array = np.asarray(array)
        check(array.ndim > 0, "array", array, "have at least one axis")
        each = int(np.prod(array.shape[1:]))
        rows = np.arange(0, len(array) * each + 1, each) if each else np.zeros(len(array) + 1, "int64")
        if array.dtype.kind == "f":
            return cls("float", _flat(array, "float32"), rows)
        if array.dtype.kind in "iub":
            fits = array.dtype != "uint64" or array.size == 0 or array.max() < 2**63
            check(
                fits,
                "array",
                Verbatim("integers >= 2^63"),
                "contain integers that fit in int64",
                "store larger integers as bytes",
            )
            return cls("int64", _flat(array, "int64"), rows)
        check(array.dtype.kind in "SUO", "array", array.dtype, "contain numbers, strings or bytes")
        texts = [text.encode() if isinstance(text, str) else text for text in array.ravel().tolist()]
        data, positions = _joined(texts)
        return cls("bytes", data, rows, bounds=positions)

    @classmethod
    def of_raw(cls, array: np.ndarray) -> "Column":
        """Returns a column of type `"bytes"` in which the bytes of each row form a single value.

        Args:
            array: uint8 array of shape `(rows, ...)`, such as raw images of equal size.
        """
        check(array.dtype == "uint8" and array.ndim > 0, "array", array.dtype, "have dtype uint8 and at least one axis")
        each = int(np.prod(array.shape[1:]))
        positions = np.arange(len(array) + 1)
        return cls("bytes", _flat(array, "uint8"), positions, bounds=positions * each)

    @classmethod
    def lists(cls, kind: str, rows: Sequence[Any], sequence: bool = False) -> "Column":
        """Returns a column created from one list per row, where `None` is a row without the feature.

        Args:
            kind: Type of the values: `"bytes"`, `"float"` or `"int64"`.
            rows: Sequence with one entry per row: a list of values, a list of lists if `sequence` is `True`, or `None`
                if the row does not contain the feature.
            sequence: If `True`, each row is a list of time steps, each a list of values.
        """
        present = np.array([row is not None for row in rows], "bool")
        filled = [row if row is not None else [] for row in rows]
        row_places = _places([len(row) for row in filled])
        steps = [step for row in filled for step in row] if sequence else filled
        step_places = _places([len(step) for step in steps]) if sequence else None
        values = [value for step in steps for value in step]
        there = None if present.all() else present
        if kind == "bytes":
            data, positions = _joined(values)
            return cls(kind, data, row_places, positions, step_places, there)
        check(kind in KINDS, "kind", kind, " or ".join(KINDS))
        return cls(kind, np.array(values, DTYPES[kind]), row_places, None, step_places, there)

    def to_lists(self) -> list[Any]:
        """Returns the rows of the column as Python lists, in the format that `lists` accepts."""
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
    """Concatenates byte strings and returns the bytes and the offset of each string."""
    return np.frombuffer(b"".join(values), "uint8"), _places([len(value) for value in values])


def _places(sizes: list[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(sizes, dtype="int64")]).astype("int64")


def _pairs(positions: np.ndarray) -> Any:
    return zip(positions[:-1].tolist(), positions[1:].tolist(), strict=True)


def _check_splits(name: str, positions: np.ndarray | None, count: int, what: str) -> int:
    """Validates offsets into `count` elements. Returns the number of slices, or `count` if there are no offsets."""
    if positions is None:
        return count
    check_array(name, positions, "int64")
    rises = (
        len(positions) > 0
        and positions[0] >= 0
        and positions[-1] <= count
        and bool((positions[1:] >= positions[:-1]).all())
    )
    check(
        rises, name, positions, f"contain one or more non-decreasing offsets from 0 to the number of {what} ({count})"
    )
    return len(positions) - 1
