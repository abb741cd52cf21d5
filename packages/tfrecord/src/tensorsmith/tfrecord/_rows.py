"""Examples as Python objects and as lines of JSON."""

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
    """The examples of a file, one after the other, each as name to its list of values; of sequences a list of lists.

    Float values have the fewest digits that tell them from others of 32 bits, as 0.1 and not 0.10000000149011612. What
    is stored as bytes is numbers where a `schema.yaml` beside the file says so.

    Args:
        path: A TFRecord file, compressed or not. A feature may have another kind in each example.

    Raises:
        DamagedFileError: A record is damaged, or no example; all examples before it came out.
    """
    path = Path(path)
    stored = stored_as_bytes([path])
    for part in read(path):
        features = features_of(path, part)
        same = all(len(feature.kinds) < 2 for feature in features.values())
        for piece in [part] if same else _singles(part):
            columns = columns_of(path, piece, features if same else features_of(path, piece))
            lists = {name: _lists(name, column, stored) for name, column in columns.items()}
            lists.update({name: _shortest(lists[name]) for name, column in columns.items() if column.kind == "float"})
            for number in range(len(piece.records)):
                yield {name: values[number] for name, values in lists.items() if values[number] is not None}


def _lists(name: str, column: Column, stored: Mapping[str, Stored]) -> list[Any]:
    """The values of each row, of which those are numbers that the schema beside the file says are."""
    numbers = numbers_of(name, column, stored)
    if numbers is None:
        return column.to_lists()
    values, places = numbers
    lists = [part.tolist() for part in np.split(values, places[1:-1])]
    present = np.ones(len(lists), "bool") if column.present is None else column.present
    return [row if there else None for row, there in zip(lists, present, strict=True)]


def to_json(row: dict[str, list[Any]]) -> str:
    r"""An example as a line of JSON.

    Bytes become text where they are UTF-8, and {"base64": ...} elsewhere; NaN and infinities, which JSON does not have,
    become the texts "NaN", "Infinity" and "-Infinity", as protocol buffers have it.

    Args:
        row: Of `rows`.

    Example:
        >>> to_json({"name": [b"Ada"], "image": [b"\xff"], "x": [1.5, math.nan]})
        '{"name": ["Ada"], "image": [{"base64": "/w=="}], "x": [1.5, "NaN"]}'
    """
    return json.dumps(_plain(row), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    """Made of what JSON has."""
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
    """Each record as a part of its own."""
    records = part.records
    for number in range(len(records)):
        here = slice(number, number + 1)
        offset = part.offset + int(records.begins[number] - records.begins[0])
        yield Part(Records(records.data, records.begins[here], records.sizes[here]), part.first + number, offset)


def _shortest(value: Any) -> Any:
    """Floats of 32 bits with the fewest digits that tell them from others."""
    if isinstance(value, list):
        return [_shortest(part) for part in value]
    return value if value is None else float(str(np.float32(value)))
