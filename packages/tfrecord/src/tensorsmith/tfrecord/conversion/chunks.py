"""Encoding of rows of a data source as records, in temporary files of several megabytes (chunks)."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tensorsmith.core import Verbatim, check, replace_file
from tensorsmith.records import write
from tensorsmith.tfrecord.encode.batch import encode_batch
from tensorsmith.tfrecord.schema import Schema
from tensorsmith.tfrecord.shards.index import INDEX_SUFFIX, replace_index
from tensorsmith.tfrecord.sources.source import Batch, Reject

CHUNK = 8 << 20  # approximate size of the rows of a chunk in bytes
REJECTS = ".rejects"  # suffix of files with the rows that do not fit the schema
EXAMPLES = 5  # rejects that an error message shows


class RejectedError(OSError):
    """Error raised if rows do not conform to the schema and rejects are not written to a file.

    Attributes:
        rejects: Some of the rejected rows.
    """

    def __init__(self, rejects: list[Reject]):
        # The schema does not matter for a row that could not be read, which has no column.
        cause = "the rows or the schema" if any(reject.column for reject in rejects) else "or remove the rows or files"
        remedy = f"Correct {cause}, or skip such rows and list them in a file with --rejects FILE."
        super().__init__("\n".join([*map(str, rejects[:EXAMPLES]), remedy]))
        self.rejects = rejects


@dataclass(frozen=True)
class Chunk:
    """Temporary file with encoded records, which are in the order of the data source.

    Attributes:
        path: Path of the file. Its index and its rejects, as JSON lines, are next to it.
        rows: Number of rows of the source in the chunk.
        size: Size of these rows in bytes.
        rejects: Number of rows that were rejected.
        examples: First few rejected rows, for error messages.
    """

    path: Path
    rows: int
    size: int
    rejects: int
    examples: list[Reject]


def grouped(batches: Iterator[Batch]) -> Iterator[list[Batch]]:
    """Groups batches into lists of several megabytes. If there are no batches, one empty list is yielded."""
    group: list[Batch] = []
    size = number = 0
    for batch in batches:
        group.append(batch)
        size += batch.rows.nbytes
        if size >= CHUNK:
            yield group
            group, size, number = [], 0, number + 1
    if group or number == 0:  # a source without rows yields an empty group
        yield group


def write_chunk(batches: list[Batch], schema: Schema, path: Path) -> Chunk:
    """Encodes batches of rows and writes the records to a temporary file, unless the file is already complete."""
    rows = sum(batch.rows.num_rows + len(batch.rejects) for batch in batches)
    size = sum(batch.rows.nbytes for batch in batches)
    rejects_path = path.with_suffix(REJECTS)
    if path.exists() and path.with_name(path.name + INDEX_SUFFIX).exists():  # the index is written last
        rejects = [Reject(**json.loads(line)) for line in rejects_path.read_text(encoding="utf-8").splitlines()]
        return Chunk(path, rows, size, len(rejects), rejects[:EXAMPLES])
    rejects, sizes = [], []
    with replace_file(path) as draft, draft.open("wb") as file:
        for batch in batches:
            columns, wrong = encode_batch(batch, schema)
            rejects += wrong
            if columns or batch.rows.num_rows:
                check(bool(columns), "schema", Verbatim("no features"), "have at least one feature")
                sizes.append(write(file, columns))
    with replace_file(rejects_path) as draft:
        draft.write_text("".join(json.dumps(asdict(reject)) + "\n" for reject in rejects), encoding="utf-8")
    replace_index(path, np.concatenate([np.zeros(0, "int64"), *sizes]))
    return Chunk(path, rows, size, len(rejects), rejects[:EXAMPLES])
