"""What NumPy's and MNIST's files share: arrays that are read some rows at a time."""

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tensorsmith.tfrecord._support.arrow_numbers import to_arrow
from tensorsmith.tfrecord.schema import DTYPES, Feature
from tensorsmith.tfrecord.sources.files import UnreadableError
from tensorsmith.tfrecord.sources.source import Batch
from tensorsmith.tfrecord.sources.table import MOST_BYTES, MOST_ROWS, Table


@dataclass(frozen=True)
class Rows:
    """An array in a file.

    Attributes:
        count: The length of its first axis.
        shape: Of one row.
        dtype: Of its numbers, as NumPy names it.
        read: The next rows, as many as are asked for.
    """

    count: int
    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[int], np.ndarray]

    @property
    def feature(self) -> Feature:
        """What holds a row: images and other arrays of uint8 as their bytes."""
        kind = self.dtype.kind
        name = "string" if kind in "UM" else "bytes" if kind == "S" else self.dtype.name
        raw = name == "uint8" and len(self.shape) > 0
        return Feature(name, self.shape, "raw" if raw else "")


class Arrays(Table):
    """Rows of arrays with equal first axes; a value with axes is a list of lists of fixed size."""

    @abstractmethod
    def parts(self) -> list[tuple[Path, Callable[[ExitStack], Mapping[str, Rows]]]]:
        """File, and what opens its arrays; files whose arrays are of the same rows count as one, named by the first."""

    def rows(self) -> Iterator[Batch]:
        """All rows."""
        for path, open_arrays in self.parts():
            with ExitStack() as stack:
                yield from _batches(path, _checked(path, open_arrays(stack)))

    def known(self) -> Mapping[str, Feature]:
        """All features, from the files' heads."""
        known: dict[str, Feature] = {}
        for path, open_arrays in self.parts():
            with ExitStack() as stack:
                for name, array in open_arrays(stack).items():
                    before = known.setdefault(name, array.feature)
                    if before != array.feature:
                        raise UnreadableError(
                            path, f"`{name}` is {_shown(array.feature)}, in files before {_shown(before)}"
                        )
        return known


def _shown(feature: Feature) -> str:
    return f"{feature.dtype} {list(feature.shape)}"


def _checked(path: Path, arrays: Mapping[str, Rows]) -> Mapping[str, Rows]:
    """The same, if their first axes are equal and their dtypes are those of features."""
    counts = {name: array.count for name, array in arrays.items()}
    if len(set(counts.values())) > 1:
        raise UnreadableError(path, f"its arrays have different numbers of rows: {counts}")
    for name, array in arrays.items():
        if array.dtype.kind not in "USM" and array.dtype.name not in DTYPES:
            raise UnreadableError(path, f"`{name}` is an array of {array.dtype}, which no feature has")
        if 0 in array.shape and array.count * math.prod(size or 1 for size in array.shape) > MOST_BYTES:
            raise UnreadableError(path, f"`{name}` has {array.count:,} rows of shape {array.shape}, which hold nothing")
    return arrays


def _batches(path: Path, arrays: Mapping[str, Rows]) -> Iterator[Batch]:
    if not arrays:
        return
    count = next(iter(arrays.values())).count
    size = sum(math.prod(array.shape) * array.dtype.itemsize for array in arrays.values())
    most = max(1, min(MOST_ROWS, MOST_BYTES // max(size, 1)))
    for first in range(0, count, most):
        columns = {name: _column(array.read(min(most, count - first))) for name, array in arrays.items()}
        rows = pa.RecordBatch.from_arrays(list(columns.values()), list(columns))
        yield Batch(rows, str(path), np.arange(first + 1, first + 1 + rows.num_rows))


def _column(array: np.ndarray) -> Any:
    """An array as Arrow's, with lists of fixed size for all axes but the first."""
    if array.dtype.kind == "M":
        array = np.datetime_as_string(array)
    array = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    values = array.reshape(-1)
    column = pa.array(values.tolist()) if array.dtype.kind in "US" else to_arrow(values)
    for axis in range(array.ndim - 1, 0, -1):
        if array.shape[axis]:
            column = pa.FixedSizeListArray.from_arrays(column, array.shape[axis])
        else:
            splits = np.zeros(math.prod(array.shape[:axis]) + 1, "int32")
            column = pa.ListArray.from_arrays(pa.array(splits), column)
    return column
