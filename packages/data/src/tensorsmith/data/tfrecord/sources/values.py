"""Python's values as Arrow's columns."""

import json
from typing import Any

import pyarrow as pa

from tensorsmith.data.tfrecord.sources.table import nameless

ERRORS = (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError)


def column_of(values: list[Any]) -> Any:
    """A column of values, or of texts where they are not of one kind: numbers as written, the rest as JSON.

    Example:
        >>> column_of([1, None]).type, column_of([1, "a", [2]]).to_pylist()
        (DataType(int64), ['1', 'a', '[2]'])
    """
    try:
        return pa.array(values)
    except ERRORS:
        return pa.array([None if value is None else _text(value) for value in values])


def _text(value: Any) -> Any:
    return value if isinstance(value, str | bytes) else json.dumps(value)


def table_of(rows: list[dict[str, Any]]) -> Any:
    """Rows as a `pyarrow.RecordBatch` with a column for each key that one of them has."""
    names = dict.fromkeys(name for row in rows for name in row)
    columns = [column_of([row.get(name) for row in rows]) for name in names]
    if not names:
        return nameless(len(rows))
    return pa.RecordBatch.from_arrays(columns, list(names))
