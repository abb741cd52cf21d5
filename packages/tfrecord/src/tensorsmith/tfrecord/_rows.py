"""Conversion of examples in TFRecord files to Python objects and JSON Lines."""

import base64
import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tensorsmith.records import Column, Records
from tensorsmith.tfrecord.schema.stored import Stored, numbers_of, stored_as_bytes
from tensorsmith.tfrecord.shards.columns import columns_of, features_of
from tensorsmith.tfrecord.shards.reading import Part, read


def rows(path: str | os.PathLike[str]) -> Iterator[dict[str, list[Any]]]:
    """Yields the examples in a TFRecord file as dictionaries of lists.

    Each feature name is mapped to a list of values, or to a list of lists for a feature of a `SequenceExample`. Floats
    are rounded to the shortest decimal that identifies the float32 value, such as 0.1 instead of 0.10000000149011612.
    Features stored as bytes are read as numbers if a `schema.yaml` next to the file declares them as such.

    Args:
        path: Path of the TFRecord file, which may be compressed. The value type of a feature may differ between
            examples.

    Yields:
        A dictionary that maps the name of each feature of an example to its values.

    Raises:
        DamagedFileError: If a record is damaged or is not an example. All examples before it are yielded first.
    """
    path = Path(path)
    stored = stored_as_bytes([path])
    for part in read(path):
        features = features_of(path, part)
        same = all(len(feature.kinds) < 2 for feature in features.values())
        # Columns need one kind per feature, so parts with mixed kinds are read one record at a time.
        for piece in [part] if same else _singles(part):
            columns = columns_of(path, piece, features if same else features_of(path, piece))
            lists = {name: _lists(name, column, stored) for name, column in columns.items()}
            lists.update({name: _shortest(lists[name]) for name, column in columns.items() if column.kind == "float"})
            for number in range(len(piece.records)):
                yield {name: values[number] for name, values in lists.items() if values[number] is not None}


def _lists(name: str, column: Column, stored: Mapping[str, Stored]) -> list[Any]:
    """Returns a list with the feature values of each row. Numbers that are stored as bytes are decoded."""
    numbers = numbers_of(name, column, stored)
    if numbers is None:
        return column.to_lists()
    values, positions = numbers
    lists = [part.tolist() for part in np.split(values, positions[1:-1])]
    present = np.ones(len(lists), "bool") if column.present is None else column.present
    return [row if there else None for row, there in zip(lists, present, strict=True)]


def to_json(row: dict[str, list[Any]]) -> str:
    r"""Returns an example as a single line of JSON.

    Bytes become a string if they are valid UTF-8, otherwise `{"base64": ...}`. NaN and infinities, which JSON does not
    support, become the strings "NaN", "Infinity" and "-Infinity", as in the JSON format of protocol buffers.

    Args:
        row: Example, as yielded by `rows`.

    Example:
        >>> to_json({"name": [b"Ada"], "image": [b"\xff"], "x": [1.5, math.nan]})
        '{"name": ["Ada"], "image": [{"base64": "/w=="}], "x": [1.5, "NaN"]}'
    """
    text = json.dumps(_plain(row), ensure_ascii=False, allow_nan=False)
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)  # safe on a terminal


def _plain(value: Any) -> Any:
    """Returns a nested value with all elements converted to JSON types."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _singles(part: Part) -> Iterator[Part]:
    """Splits a sequence of consecutive records into parts of one record each."""
    records = part.records
    for number in range(len(records)):
        here = slice(number, number + 1)
        offset = part.offset + int(records.begins[number] - records.begins[0])
        yield Part(Records(records.data, records.begins[here], records.sizes[here]), part.first + number, offset)


def _shortest(value: Any) -> Any:
    """Converts float32 values to the floats with the fewest decimal digits that round to the same float32 values."""
    if isinstance(value, list):
        return [_shortest(part) for part in value]
    return value if value is None else float(str(np.float32(value)))
