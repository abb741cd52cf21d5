"""Conversion of Arrow columns to the types that features support. Structs, dictionaries and dates are converted."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tensorsmith.tfrecord.sources.files import UnreadableError


def flatten(rows: Any, file: Path) -> Any:
    """Converts columns to numbers, booleans, strings, binary values, or lists of such values.

    A struct `a` with a field `b` becomes a column `a/b`, and a list of structs becomes one list for each field.
    Dictionaries are decoded, dates and times become ISO 8601 strings, decimals become float64, and durations int64.

    Args:
        rows: Arrow record batch to convert.
        file: Path of the source file, for error messages.

    Returns:
        A `pyarrow.RecordBatch` with the flat columns.

    Raises:
        UnreadableError: If two columns have the same flat name, or if a column has an unsupported type.
    """
    columns: dict[str, Any] = {}
    for name, column in zip(rows.schema.names, rows.columns, strict=True):
        for full, array in _fields(name, column, file):
            if full in columns:
                raise UnreadableError(file, f"duplicate column `{full}`")
            columns[full] = array
    # Without columns, only the original batch preserves the number of rows.
    return pa.RecordBatch.from_arrays(list(columns.values()), list(columns)) if columns else rows.select([])


def _fields(name: str, array: Any, file: Path) -> list[tuple[str, Any]]:
    kind, types = array.type, pa.types
    if types.is_struct(kind):
        parts = zip(kind, array.flatten(), strict=True)
        return [found for field, part in parts for found in _fields(f"{name}/{field.name}", part, file)]
    if types.is_map(kind):
        entries = pa.StructArray.from_arrays([array.keys, array.items], ["key", "value"])
        return _fields(name, pa.ListArray.from_arrays(array.offsets, entries, mask=_missing(array)), file)
    if types.is_list(kind) or types.is_large_list(kind):
        kept = array.cast(pa.list_(kind.value_type)) if types.is_large_list(kind) else array
        first, last = (kept.offsets[0].as_py(), kept.offsets[-1].as_py()) if len(kept) else (0, 0)
        offsets = pc.subtract(kept.offsets, pa.scalar(first, pa.int32()))
        inside = _fields(name, kept.values.slice(first, last - first), file)
        return [(full, pa.ListArray.from_arrays(offsets, part, mask=_missing(kept))) for full, part in inside]
    if types.is_fixed_size_list(kind):
        size, mask = kind.list_size, _missing(array)
        inside = _fields(name, array.values.slice(array.offset * size, len(array) * size), file)
        return [(full, pa.FixedSizeListArray.from_arrays(part, size, mask=mask)) for full, part in inside]
    return [(name, _plain(name, array, file))]


def _missing(array: Any) -> Any:
    return array.is_null() if array.null_count else None


def _plain(name: str, array: Any, file: Path) -> Any:
    kind, types = array.type, pa.types
    if types.is_dictionary(kind):
        return _plain(name, array.dictionary_decode(), file)
    if isinstance(kind, pa.BaseExtensionType):
        return _plain(name, array.storage, file)
    if types.is_timestamp(kind):
        return pc.replace_substring(array.cast(pa.string()), " ", "T")
    if types.is_date(kind) or types.is_time(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return array.cast(pa.string())
    if types.is_fixed_size_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind):
        return array.cast(pa.binary())
    if types.is_decimal(kind):
        return array.cast(pa.float64())
    if types.is_duration(kind):
        return array.cast(pa.int64())
    known = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
    if known or types.is_string(kind) or types.is_binary(kind) or types.is_null(kind):
        return array
    raise UnreadableError(file, f"column `{name}` has type {kind}, which is not supported")
