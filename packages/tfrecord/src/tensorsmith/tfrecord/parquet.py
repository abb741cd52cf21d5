"""Export of TFRecord files to Parquet."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tensorsmith.core import Advance, Verbatim, argument_error, check, replace_file, unreported
from tensorsmith.records import Column, Range, StoredFeature, merge
from tensorsmith.tfrecord._inspect import inspect
from tensorsmith.tfrecord._parquet_types import declared_type, is_declared, to_declared_type
from tensorsmith.tfrecord._support.folder_lock import folder_lock
from tensorsmith.tfrecord.schema.stored import SCHEMA, Stored, declared_features, numbers_of, stored_as_bytes
from tensorsmith.tfrecord.shards.columns import columns_of
from tensorsmith.tfrecord.shards.paths import check_not_companion, check_target
from tensorsmith.tfrecord.shards.reading import read

TYPES = {"bytes": pa.large_binary(), "float": pa.float32(), "int64": pa.int64()}
GROUP = 1 << 26  # size of a row group in bytes


def to_parquet(
    files: Sequence[str | os.PathLike[str]],
    target: str | os.PathLike[str],
    report: Advance = unreported,
) -> int:
    """Writes the examples in TFRecord files to a Parquet file, with one column per feature.

    A column has scalar values if all records have exactly one value, fixed-size lists if all records have the same
    number of values, and variable-size lists otherwise, with null for a record that lacks the feature. A feature of a
    `SequenceExample` becomes a column of lists of lists. Bytes become strings or numbers if a `schema.yaml` next to
    the files declares them as such, and single values that it declares as booleans, dates or times become such values.

    Args:
        files: Paths of the TFRecord files, which may be compressed. Each file is read twice.
        target: Path of the Parquet file, which is written atomically.
        report: Function that is called with the number of bytes read since the previous call, including record framing,
            in both passes.

    Returns:
        The number of rows.

    Raises:
        ValueError: If there are no features, or if `target` is one of `files`, their index or their `schema.yaml`.
        BlockingIOError: If another process is writing to the folder of `target`.
        FeatureError: If a feature has values of several kinds.
        DamagedFileError: If a record is damaged or is not an example.
    """
    check_target("target", target, files)
    check_not_companion("target", target, files)
    found = inspect(files, report)
    records = sum(file.records for file in found)
    features: dict[str, StoredFeature] = {}
    for file in found:
        features = merge(features, file.features)
    features = {name: feature for name, feature in features.items() if feature.kinds}
    check(len(features) > 0, "files", [os.fspath(path) for path in files], "contain examples with at least one value")
    stored, declared = stored_as_bytes(files), declared_features(files)
    typed = {name: kind for name, feature in features.items() if (kind := declared_type(feature, declared.get(name)))}
    schema = pa.schema(
        [(name, typed.get(name) or _type(one, records, stored.get(name))) for name, one in features.items()]
    )
    with folder_lock(Path(target).parent), replace_file(target) as draft, pq.ParquetWriter(draft, schema) as writer:
        waiting: list[pa.Table] = []
        size = 0
        for path in map(Path, files):
            for part in read(path):
                waiting.append(_table(columns_of(path, part, features), schema, stored))
                size += waiting[-1].nbytes
                if size >= GROUP:
                    writer.write_table(pa.concat_tables(waiting))
                    waiting, size = [], 0
                report(part.size)
        if waiting:
            writer.write_table(pa.concat_tables(waiting))
    return records


def _type(feature: StoredFeature, records: int, stored: Stored | None) -> pa.DataType:
    value = TYPES[feature.kinds[0]]
    if stored and value == pa.large_binary():
        value = pa.large_string() if stored.dtype == "string" else pa.from_numpy_dtype(stored.dtype)
        if stored.dtype != "string":
            return value if stored.is_single else pa.large_list(value)
    if feature.steps is not None:
        return pa.large_list(pa.large_list(value))
    if feature.rows < records or feature.counts.fewest < feature.counts.most:
        return pa.large_list(value)
    if feature.counts.most == 0:
        return pa.large_list(value)  # Parquet does not support fixed-size lists of size 0
    return value if feature.counts == Range(1, 1) else pa.list_(value, feature.counts.most)


def _table(columns: Mapping[str, Column], schema: pa.Schema, stored: Mapping[str, Stored]) -> pa.Table:
    return pa.table([_array(field.name, columns[field.name], field.type, stored) for field in schema], schema)


def _array(name: str, column: Column, kind: pa.DataType, stored: Mapping[str, Stored]) -> Any:
    """Returns a column as an Arrow array that shares the memory of the column."""
    numbers = numbers_of(name, column, stored)
    if numbers is not None:
        values, positions = numbers
        lists = pa.LargeListArray.from_arrays(pa.array(positions), pa.array(values), mask=_missing(column))
        return lists if pa.types.is_large_list(kind) else _singles(name, lists, kind)
    if is_declared(kind):
        lists = pa.LargeListArray.from_arrays(pa.array(column.rows), pa.array(column.values), mask=_missing(column))
        return _singles(name, lists, kind)
    # Bytes: wrap the buffers without copying.
    if column.bounds is not None:
        buffers = [None, pa.py_buffer(column.bounds), pa.py_buffer(column.values)]
        values = pa.Array.from_buffers(pa.large_binary(), len(column.bounds) - 1, buffers)
        if name in stored:
            values = _texts(name, values)
    else:
        values = pa.array(column.values)
    if column.steps is not None:
        values = pa.LargeListArray.from_arrays(pa.array(column.steps), values)
    if pa.types.is_fixed_size_list(kind):
        return pa.FixedSizeListArray.from_arrays(values, kind.list_size)
    if not pa.types.is_large_list(kind):
        return values
    return pa.LargeListArray.from_arrays(pa.array(column.rows), values, mask=_missing(column))


def _texts(name: str, values: Any) -> Any:
    try:
        return values.cast(pa.large_string())
    except pa.ArrowInvalid:
        expected = f"contain strings to match {SCHEMA}"
        raise argument_error(
            name, Verbatim("bytes that are not UTF-8"), expected, f"remove {SCHEMA} to read the values as bytes"
        ) from None


def _missing(column: Column) -> Any:
    return None if column.present is None else pa.array(np.logical_not(column.present))


def _singles(name: str, lists: Any, kind: pa.DataType) -> Any:
    """Converts a column of lists with one element each to a column of these elements. Missing lists become null."""
    lengths = pc.list_value_length(lists).drop_null()
    check(
        pc.all(pc.equal(lengths, 1)).as_py() is not False,
        name,
        Verbatim("lists"),
        f"contain single numbers to match {SCHEMA}",
    )
    values = pc.list_element(pc.fill_null(lists, pa.scalar([None], lists.type)), 0)
    return to_declared_type(name, values, kind) if is_declared(kind) else values.cast(kind)
