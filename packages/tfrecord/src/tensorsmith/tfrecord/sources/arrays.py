"""Base class for data sources that read NumPy and IDX files, in batches of rows."""

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
from tensorsmith.tfrecord.sources.table import MOST_BYTES, MOST_ROWS, TableSource


@dataclass(frozen=True)
class Rows:
    """Array in a file, whose rows are read sequentially.

    Attributes:
        count: Size of the first axis.
        shape: Shape of one row.
        dtype: NumPy dtype of the elements.
        read: Function that returns the given number of rows, continuing after the last call.
    """

    count: int
    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[int], np.ndarray]

    @property
    def feature(self) -> Feature:
        """Feature of a row. Arrays of uint8, such as images, are encoded as raw bytes."""
        kind = self.dtype.kind
        name = "string" if kind in "UM" else "bytes" if kind == "S" else self.dtype.name
        raw = name == "uint8" and len(self.shape) > 0
        return Feature(name, self.shape, "raw" if raw else "")


class Arrays(TableSource):
    """Data source for arrays with equal first dimensions. Multidimensional rows become nested lists of fixed size."""

    @abstractmethod
    def parts(self) -> list[tuple[Path, Callable[[ExitStack], Mapping[str, Rows]]]]:
        """Returns pairs of a path and a function that opens arrays. The arrays of each pair have the same rows."""

    def rows(self) -> Iterator[Batch]:
        """Yields all rows of the data source in batches."""
        for path, open_arrays in self.parts():
            with ExitStack() as stack:
                yield from _batches(path, _checked(path, open_arrays(stack)))

    def known(self) -> Mapping[str, Feature]:
        """Returns the features of all arrays, according to the file headers."""
        known: dict[str, Feature] = {}
        for path, open_arrays in self.parts():
            with ExitStack() as stack:
                for name, array in open_arrays(stack).items():
                    before = known.setdefault(name, array.feature)
                    if before != array.feature:
                        raise UnreadableError(
                            path, f"`{name}` is {_shown(array.feature)}, but {_shown(before)} in earlier files"
                        )
        return known


def _shown(feature: Feature) -> str:
    return f"{feature.dtype} {list(feature.shape)}"


def _checked(path: Path, arrays: Mapping[str, Rows]) -> Mapping[str, Rows]:
    """Returns the arrays after checking that the first dimensions are equal and the dtypes are supported."""
    counts = {name: array.count for name, array in arrays.items()}
    if len(set(counts.values())) > 1:
        raise UnreadableError(path, f"the arrays have different numbers of rows: {counts}")
    for name, array in arrays.items():
        if array.dtype.kind not in "USM" and array.dtype.name not in DTYPES:
            raise UnreadableError(path, f"`{name}` is an array of {array.dtype}, which is not supported")
        if 0 in array.shape and array.count * math.prod(size or 1 for size in array.shape) > MOST_BYTES:
            raise UnreadableError(path, f"`{name}` has {array.count:,} rows of empty shape {array.shape}")
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
    """Converts an array to an Arrow column, with fixed-size lists for all axes except the first."""
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
