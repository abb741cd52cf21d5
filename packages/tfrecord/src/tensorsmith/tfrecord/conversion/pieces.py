"""The rows of a source as records in its order, in pieces of some megabytes."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tensorsmith.core import check, replace_file
from tensorsmith.records import write
from tensorsmith.tfrecord.encode.batch import encode_batch
from tensorsmith.tfrecord.schema import Schema
from tensorsmith.tfrecord.shards.index import INDEX_SUFFIX, write_index
from tensorsmith.tfrecord.sources.source import Batch, Reject

PIECE = 8 << 20  # bytes of rows that are written together
REJECTS = ".rejects"  # the ending of files with rows that do not fit
EXAMPLES = 5  # rejects that an error tells of


class RejectedError(OSError):
    """Rows of the source do not fit the schema, and nobody asked to go on without them.

    Attributes:
        rejects: Some of them.
    """

    def __init__(self, rejects: list[Reject]):
        remedy = "change the schema, or collect such rows with --rejects FILE"
        super().__init__("\n".join([*map(str, rejects[:EXAMPLES]), f"Remedy: {remedy}."]))
        self.rejects = rejects


@dataclass(frozen=True)
class Piece:
    """A file of records in the source's order.

    Attributes:
        path: The file; beside it are its index and its rejects, as JSON lines.
        rows: How many rows of the source it was made of.
        size: How many bytes they had.
        rejects: How many of them were left out.
        examples: The first of these.
    """

    path: Path
    rows: int
    size: int
    rejects: int
    examples: list[Reject]


def grouped(batches: Iterator[Batch]) -> Iterator[list[Batch]]:
    """Batches together that have some megabytes; at least one group, be it empty."""
    group: list[Batch] = []
    size = number = 0
    for batch in batches:
        group.append(batch)
        size += batch.rows.nbytes
        if size >= PIECE:
            yield group
            group, size, number = [], 0, number + 1
    if group or number == 0:  # of a source without rows, too
        yield group


def write_piece(batches: list[Batch], schema: Schema, path: Path) -> Piece:
    """Writes some rows, unless they are there."""
    rows = sum(batch.rows.num_rows + len(batch.rejects) for batch in batches)
    size = sum(batch.rows.nbytes for batch in batches)
    note = path.with_suffix(REJECTS)
    if path.exists() and path.with_name(path.name + INDEX_SUFFIX).exists():  # which comes last
        rejects = [Reject(**json.loads(line)) for line in note.read_text(encoding="utf-8").splitlines()]
        return Piece(path, rows, size, len(rejects), rejects[:EXAMPLES])
    rejects, sizes = [], []
    with replace_file(path) as draft, draft.open("wb") as file:
        for batch in batches:
            columns, wrong = encode_batch(batch, schema)
            rejects += wrong
            if columns or batch.rows.num_rows:
                check(bool(columns), "schema", "no features", "one at least, as there are rows")
                sizes.append(write(file, columns))
    with replace_file(note) as draft:
        draft.write_text("".join(json.dumps(asdict(reject)) + "\n" for reject in rejects), encoding="utf-8")
    write_index(path, np.concatenate([np.zeros(0, "int64"), *sizes]))
    return Piece(path, rows, size, len(rejects), rejects[:EXAMPLES])
