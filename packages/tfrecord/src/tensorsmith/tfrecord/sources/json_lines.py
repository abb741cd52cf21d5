"""JSON Lines files as a data source."""

import codecs
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tensorsmith.tfrecord.schema import Schema
from tensorsmith.tfrecord.sources.files import GZIP_ERRORS, UnreadableError, open_plain
from tensorsmith.tfrecord.sources.flat import flatten
from tensorsmith.tfrecord.sources.source import Batch, Reject
from tensorsmith.tfrecord.sources.table import MOST_BYTES, MOST_ROWS, TableSource, link_batch
from tensorsmith.tfrecord.sources.values import as_written, table_of


class JsonLines(TableSource):
    """Data source for JSON Lines files in UTF-8. Values of nested objects become columns such as `a/b`.

    Args:
        files: Paths of the JSON Lines files.
    """

    written = True
    by_file = True

    def __init__(self, files: list[Path]) -> None:
        self.files = files

    def rows(self) -> Iterator[Batch]:
        """Yields all rows of the data source in batches."""
        return self._rows({})

    def rows_for(self, schema: Schema) -> Iterator[Batch]:
        """Yields all rows in batches. Numbers in columns of dtype string are converted to strings."""
        texts = {name: feature for name, feature in schema.features.items() if feature.dtype == "string"}
        return self._rows({name: bool(feature.shape or feature.sequence) for name, feature in texts.items()})

    def _rows(self, texts: Mapping[str, bool]) -> Iterator[Batch]:
        for path in self.files:
            if link := link_batch(path):
                yield link
                continue
            rows: list[dict[str, Any]] = []
            numbers: list[tuple[int, int]] = []  # row and line
            rejects: list[Reject] = []
            row = size = 0
            try:
                with open_plain(path) as file:
                    for number, line in enumerate(file, 1):
                        if not line.strip():
                            continue
                        row += 1
                        try:
                            rows.append(as_written(_parse(line), texts) if texts else _parse(line))
                            numbers.append((row, number))
                        except (ValueError, RecursionError) as error:
                            rejects.append(Reject(str(path), row, "", _problem(error), number))
                        size += len(line)
                        if size >= MOST_BYTES or len(rows) + len(rejects) == MOST_ROWS:
                            yield _batch(path, rows, numbers, rejects)
                            rows, numbers, rejects, size = [], [], [], 0
            except (*GZIP_ERRORS, zlib.error) as error:
                raise UnreadableError(path, str(error)) from None
            if rows or rejects:
                yield _batch(path, rows, numbers, rejects)


def _batch(path: Path, rows: list[dict[str, Any]], numbers: list[tuple[int, int]], rejects: list[Reject]) -> Batch:
    positions = np.array(numbers, "int64").reshape(-1, 2)
    return Batch(flatten(table_of(rows), path), str(path), positions[:, 0], rejects, lines=positions[:, 1])


def _parse(line: bytes) -> dict[str, Any]:
    text = line.removeprefix(codecs.BOM_UTF8).decode()
    row = DECODER.decode(text)
    if not isinstance(row, dict):
        raise ValueError(f"a line must be a JSON object, got {text.strip()[:80]!r}")
    if "\\ud" in text or "\\uD" in text:
        json.dumps(row, ensure_ascii=False).encode()  # raises for an unpaired surrogate, which is not valid text
    return row


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"duplicate name `{next(name for name in names if names.count(name) > 1)}`")
    return row


DECODER = json.JSONDecoder(object_pairs_hook=_object)


def _problem(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"invalid JSON: {error.msg} at character {error.pos + 1}"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeEncodeError):
        return "it contains an unpaired surrogate"
    return f"it is not UTF-8: {error}" if isinstance(error, UnicodeDecodeError) else str(error)
