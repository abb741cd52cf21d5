"""TFRecord files as a data source."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tensorsmith.records import Column, RecordError, Records, Sequence, StoredFeature, merge, parse, survey
from tensorsmith.tfrecord._support.arrow_numbers import to_arrow
from tensorsmith.tfrecord.schema import Feature, Schema
from tensorsmith.tfrecord.shards.columns import check_kinds
from tensorsmith.tfrecord.shards.reading import read
from tensorsmith.tfrecord.sources.inference import MOST_REJECTS, Found
from tensorsmith.tfrecord.sources.source import Batch, Reject, rejected_link
from tensorsmith.tfrecord.sources.table import TableSource, check_names, nameless

DTYPES = {"int64": "int64", "float": "float32"}


class TfrecordFiles(TableSource):
    """Data source for TFRecord files of `tf.train.Example` or `tf.train.SequenceExample`.

    In an inferred schema, lists of a constant size have a fixed shape, single values have shape `()`, and bytes are
    strings if all of them are valid UTF-8.

    Args:
        files: Paths of the TFRecord files, which may be compressed.
    """

    by_file = True

    def __init__(self, files: list[Path]) -> None:
        self.files = files

    def survey(self, watch: Callable[[Batch], None] = lambda batch: None) -> Found:
        """Reads all records and returns the schema inferred from the types and sizes of their values."""
        met: dict[str, StoredFeature] = {}
        binary: set[str] = set()
        count, bad, rejects = 0, 0, list[Reject]()
        for path in self.files:
            for records, first, refused in _sound(path):
                here = survey(records)
                met, count, bad = merge(met, here), count + len(records), bad + len(refused)
                rejects += refused[: MOST_REJECTS - len(rejects)]
                binary |= {name for name in _of_bytes(here) - binary if not _are_texts(records, name, here[name])}
                watch(Batch(nameless(len(records)), str(path), np.arange(first, first + len(records)), refused))
        missing = {name: count - feature.rows for name, feature in met.items() if feature.rows < count}
        features = {name: _feature(name, feature, name in binary, name in missing) for name, feature in met.items()}
        return Found(Schema(features), count, bad, rejects, missing)

    def rows(self) -> Iterator[Batch]:
        """Yields all rows of the data source in batches."""
        return self.batches(self.infer())

    def batches(self, schema: Schema) -> Iterator[Batch]:
        """Yields the records in batches. Records with several values for a scalar feature are rejected."""
        wanted = {name: _request(feature) for name, feature in schema.features.items()}
        checked = False
        for path in self.files:
            for records, first, refused in _sound(path):
                if not checked and len(records):
                    check_names(schema, list(survey(records)))
                    checked = True
                yield from _batches(path, records, first, refused, schema, wanted)


def _request(feature: Feature) -> Any:
    return Sequence(feature.kind) if feature.sequence else feature.kind


def _sound(path: Path) -> Iterator[tuple[Records, int, list[Reject]]]:
    """Yields groups of consecutive valid records, the number of their first record, and the reject after them."""
    if reject := rejected_link(path):
        none = np.empty(0, "int64")
        yield Records(np.empty(0, "uint8"), none, none), 1, [reject]
        return
    for part in read(path):
        begin, refused = 0, list[Reject]()
        while begin < len(part.records):
            records = _slice(part.records, begin, len(part.records))
            try:
                survey(records)
                end = len(part.records)
            except RecordError as error:
                end, problem = begin + error.row, error.problem
                records = _slice(part.records, begin, end)
                refused.append(Reject(str(path), part.first + end + 1, "", problem))
            yield records, part.first + begin + 1, refused
            begin, refused = end + bool(refused), []


def _slice(records: Records, begin: int, end: int) -> Records:
    return Records(records.data, records.begins[begin:end], records.sizes[begin:end])


def _of_bytes(met: dict[str, StoredFeature]) -> set[str]:
    return {name for name, feature in met.items() if feature.kinds == ("bytes",)}


def _are_texts(records: Records, name: str, met: StoredFeature) -> bool:
    """Returns `True` if all values of a feature are valid UTF-8 strings."""
    kind = Sequence("bytes") if met.is_sequence else "bytes"
    return pa.types.is_large_string(_texts(parse(records, {name: kind})[name], "string").type)


def _feature(name: str, met: StoredFeature, binary: bool, optional: bool) -> Feature:
    check_kinds(name, met.kinds)
    kind = met.kinds[0] if met.kinds else "bytes"
    dtype = DTYPES.get(kind, "bytes" if binary else "string")
    counts = met.steps or met.counts
    size = counts.most if counts.fewest == counts.most else None
    return Feature(dtype, () if size == 1 else (size,), sequence=met.is_sequence, optional=optional)


def _batches(
    path: Path, records: Records, first: int, refused: list[Reject], schema: Schema, wanted: dict[str, Any]
) -> Iterator[Batch]:
    """Yields records in batches. Records whose value types differ from the schema are rejected."""
    begin = 0
    while begin < len(records) or refused:
        piece = _slice(records, begin, len(records))
        try:
            columns = parse(piece, wanted)
        except RecordError as error:
            piece = _slice(records, begin, begin + error.row)
            columns = parse(piece, wanted)
            refused = [*refused, Reject(str(path), first + begin + error.row, "", error.problem)]
        numbers = np.arange(first + begin, first + begin + len(piece))
        begin += len(piece) + (len(piece) < len(records) - begin)
        arrays, bad = {}, {}
        for name, column in columns.items():
            arrays[name], rejected = _array(column, schema.features[name])
            bad.update({row: (name, problem) for row, problem in rejected.items() if row not in bad})
        rows = pa.RecordBatch.from_arrays(list(arrays.values()), list(arrays)) if arrays else nameless(len(piece))
        if bad:
            kept = ~np.isin(np.arange(len(numbers)), list(bad))
            refused = refused + [Reject(str(path), int(numbers[row]), *bad[row]) for row in bad]
            rows, numbers = rows.filter(pa.array(kept)), numbers[kept]
        yield Batch(rows, str(path), numbers, sorted(refused, key=lambda reject: reject.row))
        refused = []


def _array(column: Column, feature: Feature) -> tuple[Any, dict[int, str]]:
    """Returns a column as an Arrow array, and a dict that maps the indices of invalid rows to error messages."""
    rejected: dict[int, str] = {}
    missing = None if column.present is None else pa.array(~column.present)
    values: Any = pa.array(column.values) if column.bounds is None else _texts(column, feature.dtype)
    is_single = not feature.shape or feature.is_raw or bool(feature.encoding)
    bounds = column.rows if column.steps is None else column.steps
    if feature.is_raw and column.bounds is not None:
        values, uneven = _numbers(column.values, column.bounds, np.dtype(feature.dtype).newbyteorder("<"))
        for part in np.searchsorted(bounds, np.flatnonzero(uneven), "right") - 1:
            rejected[_row(column, int(part))] = f"the bytes are not values of {feature.dtype}"
    if is_single:
        # A scalar needs exactly one value; a missing optional row has none.
        counts = np.diff(bounds)
        least = 0 if column.steps is None else 1
        for part in np.flatnonzero((counts > 1) | (counts < least)):
            rejected[_row(column, int(part))] = f"expected a single value, got {counts[part]}"
        items = values.take(pa.array(np.minimum(bounds[:-1], len(values) - 1), mask=counts != 1))
    else:
        items = pa.ListArray.from_arrays(
            pa.array(bounds.astype("int32")), values, mask=missing if column.steps is None else None
        )
    if column.steps is not None:
        items = pa.ListArray.from_arrays(pa.array(column.rows.astype("int32")), items, mask=missing)
    return items, rejected


def _numbers(data: np.ndarray, bounds: np.ndarray, dtype: np.dtype) -> tuple[Any, np.ndarray]:
    """Returns lists of numbers decoded from bytes, and a boolean mask of the lists with an invalid size."""
    sizes = np.diff(bounds)
    uneven = sizes % dtype.itemsize != 0
    whole = data[np.repeat(~uneven, sizes)] if uneven.any() else data
    positions = np.concatenate([[0], np.cumsum(np.where(uneven, 0, sizes) // dtype.itemsize)]).astype("int32")
    return pa.ListArray.from_arrays(pa.array(positions), to_arrow(whole.view(dtype))), uneven


def _row(column: Column, part: int) -> int:
    """Returns the index of the row that contains the list of values with the given index."""
    return part if column.steps is None else int(np.searchsorted(column.rows, part, "right")) - 1


def _texts(column: Column, dtype: str) -> Any:
    """Returns a bytes column as an Arrow array of strings, or of bytes if the values are not text."""
    bounds = column.bounds if column.bounds is not None else np.zeros(1, "int64")
    buffers = [None, pa.py_buffer(bounds), pa.py_buffer(column.values)]
    values = pa.Array.from_buffers(pa.large_binary(), len(bounds) - 1, buffers)
    if dtype != "string":
        return values
    try:
        return values.cast(pa.large_string())
    except pa.ArrowInvalid:
        return values
