"""From TFRecord files to Parquet."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tensorsmith.core import Advance, argument_error, check, replace_file, unreported
from tensorsmith.records import Column, Feature, Range, merge
from tensorsmith.tfrecord._inspect import inspect
from tensorsmith.tfrecord.schema.stored import SCHEMA, Stored, numbers_of, stored_as_bytes
from tensorsmith.tfrecord.shards.columns import columns_of
from tensorsmith.tfrecord.shards.paths import check_target
from tensorsmith.tfrecord.shards.reading import read

TYPES = {"bytes": pa.large_binary(), "float": pa.float32(), "int64": pa.int64()}
GROUP = 1 << 26  # bytes of a row group


def to_parquet(
    files: Sequence[str | os.PathLike[str]],
    target: str | os.PathLike[str],
    report: Advance = unreported,
) -> int:
    """Writes examples into a Parquet file, with a column for each feature.

    A column has values where all records have one value, lists of a fixed size where all have as many, and otherwise
    lists, with null where a record does not have the feature; of sequences it has lists of lists. Bytes are texts, or
    numbers, where a `schema.yaml` beside the files says so.

    Args:
        files: TFRecord files, compressed or not, which are read twice.
        target: The Parquet file, which appears when it is whole.
        report: Called with each number of bytes that are done, frames included, in both passes.

    Returns:
        How many rows it has.

    Raises:
        ValueError: There is no feature, or one has values of several kinds, or `target` is one of the files.
        DamagedFileError: A record is damaged, or no example.
    """
    check_target("target", target, files)
    found = inspect(files, report)
    records = sum(file.records for file in found)
    features: dict[str, Feature] = {}
    for file in found:
        features = merge(features, file.features)
    features = {name: feature for name, feature in features.items() if feature.kinds}
    check(len(features) > 0, "files", [os.fspath(path) for path in files], "examples with values")
    stored = stored_as_bytes(files)
    schema = pa.schema([(name, _type(feature, records, stored.get(name))) for name, feature in features.items()])
    with replace_file(target) as draft, pq.ParquetWriter(draft, schema) as writer:
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


def _type(feature: Feature, records: int, stored: Stored | None) -> pa.DataType:
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
        return pa.large_list(value)  # Parquet has no lists of the fixed size 0
    return value if feature.counts == Range(1, 1) else pa.list_(value, feature.counts.most)


def _table(columns: Mapping[str, Column], schema: pa.Schema, stored: Mapping[str, Stored]) -> pa.Table:
    return pa.table([_array(field.name, columns[field.name], field.type, stored) for field in schema], schema)


def _array(name: str, column: Column, kind: pa.DataType, stored: Mapping[str, Stored]) -> Any:
    """A column's memory as Arrow sees it, which outlives the part that was read."""
    numbers = numbers_of(name, column, stored)
    if numbers is not None:
        values, places = numbers
        lists = pa.LargeListArray.from_arrays(pa.array(places), pa.array(values), mask=_missing(column))
        return lists if pa.types.is_large_list(kind) else _singles(name, lists, kind)
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
        expected = f"texts, as {SCHEMA} says"
        raise argument_error(name, "bytes that are no UTF-8", expected, f"remove {SCHEMA}") from None


def _missing(column: Column) -> Any:
    return None if column.present is None else pa.array(np.logical_not(column.present))


def _singles(name: str, lists: Any, kind: pa.DataType) -> Any:
    """The one value of each list, and null where a list is missing."""
    lengths = pc.list_value_length(lists).drop_null()
    check(pc.all(pc.equal(lengths, 1)).as_py() is not False, name, "lists", f"one number each, as {SCHEMA} says")
    return pc.list_element(pc.fill_null(lists, pa.scalar([None], lists.type)), 0).cast(kind)
