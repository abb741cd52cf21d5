"""Batching of rows that are read individually, such as image files and audio files."""

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from tensorsmith.tfrecord.sources.source import Batch, Reject
from tensorsmith.tfrecord.sources.table import MOST_BYTES

ROWS = 256  # maximum number of rows in a batch


def in_batches(
    rows: Iterator[tuple[dict[str, Any] | Reject, tuple[str, int]]],
    file: str,
    types: Any,
    first: int = 1,
    verified: Collection[str] = (),
) -> Iterator[Batch]:
    """Groups rows and rejected rows into batches. Rows are numbered from `first`; see `Batch` for `verified`."""
    values: list[dict[str, Any]] = []
    numbers: list[int] = []
    positions: list[tuple[str, int]] = []
    rejects: list[Reject] = []
    size = 0

    def batch() -> Batch:
        table = pa.RecordBatch.from_pylist(values, types)
        return Batch(table, file, np.array(numbers, "int64"), rejects, positions, verified=verified)

    for number, (row, position) in enumerate(rows, first):
        if isinstance(row, Reject):
            rejects.append(row)
            continue
        values.append(row)
        numbers.append(number)
        positions.append(position)
        size += sum(len(value) for value in row.values() if isinstance(value, bytes))
        if size >= MOST_BYTES or len(values) == ROWS:
            yield batch()
            values, numbers, rejects, positions, size = [], [], [], [], 0
    if values or rejects:
        yield batch()
