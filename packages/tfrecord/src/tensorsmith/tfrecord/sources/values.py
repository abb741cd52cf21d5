"""Conversion of Python values to Arrow columns."""

import contextlib
import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from tensorsmith.tfrecord.sources.table import nameless

ERRORS = (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError)


def column_of(values: list[Any]) -> Any:
    """Converts Python values to an Arrow column. Values of mixed types become strings, possibly as JSON.

    Example:
        >>> column_of([1, None]).type, column_of([1, "a", [2]]).to_pylist()
        (DataType(int64), ['1', 'a', '[2]'])
    """
    try:
        return pa.array(values)
    except ERRORS:
        with contextlib.suppress(*ERRORS):
            if all(isinstance(value, int | None) for value in values):
                return pa.array(values, pa.uint64())
        return pa.array([None if value is None else _text(value) for value in values])


def as_written(row: dict[str, Any], texts: Mapping[str, bool], inside: str = "") -> dict[str, Any]:
    """Returns a copy of a row in which the values of string columns are converted to strings.

    Args:
        row: Dict that maps names to the values of a row, which may be nested dicts.
        texts: Mapping from the names of string columns to booleans. The value is `True` if the column contains lists of
            strings.
        inside: Prefix of the names of the values, such as `b/` for the values of a nested dict `b`.

    Example:
        >>> as_written({"a": 1.0, "b": {"c": [2, None, "x"]}, "d": 1}, {"a": False, "b/c": True})
        {'a': '1.0', 'b': {'c': ['2', None, 'x']}, 'd': 1}
    """
    return {name: _as_written(value, texts, inside + name) for name, value in row.items()}


def _as_written(value: Any, texts: Mapping[str, bool], name: str) -> Any:
    if isinstance(value, dict):
        return as_written(value, texts, name + "/")
    if isinstance(value, list) and texts.get(name, True):
        return [_as_written(part, texts, name) for part in value]
    return value if value is None or name not in texts else _text(value)


def _text(value: Any) -> Any:
    return value if isinstance(value, str | bytes) else json.dumps(value)


def table_of(rows: list[dict[str, Any]]) -> Any:
    """Converts rows to a `pyarrow.RecordBatch` that has a column for each key in any of the rows."""
    names = dict.fromkeys(name for row in rows for name in row)
    columns = [column_of([row.get(name) for row in rows]) for name in names]
    if not names:
        return nameless(len(rows))
    return pa.RecordBatch.from_arrays(columns, list(names))
