"""Encoding of a batch of rows as columns, according to a schema."""

from collections.abc import Collection

import numpy as np
import pyarrow as pa

from tensorsmith.core import Verbatim, argument_error
from tensorsmith.records import Column
from tensorsmith.tfrecord.encode.feature import Values, take_apart
from tensorsmith.tfrecord.encode.layout import to_columns
from tensorsmith.tfrecord.encode.rejections import Rejections
from tensorsmith.tfrecord.encode.sparse import check_sparse
from tensorsmith.tfrecord.schema import INDICES, VALUES, Schema
from tensorsmith.tfrecord.sources.source import Batch, Reject


def encode_batch(batch: Batch, schema: Schema) -> tuple[dict[str, Column], list[Reject]]:
    """Encodes a batch of rows as columns, excluding rows that do not conform to the schema.

    Args:
        batch: Batch of rows from a data source.
        schema: Schema of the examples.

    Returns:
        The columns by name, and all rejects in row order, including rows that the source could not read.

    Raises:
        ValueError: If the batch lacks a column of the schema.
    """
    names = batch.rows.schema.names
    if lacking := schema.features.keys() - set(names):
        raise argument_error(
            min(lacking),
            Verbatim("a feature without a column"),
            f"one of the columns of the source ({', '.join(names)})",
        )
    rows, kept = batch.rows, np.arange(batch.rows.num_rows)  # `kept` has the row indices in the batch
    rejects = list(batch.rejects)
    while True:  # repeated, as an error in one row may hide errors in others
        rejections = Rejections()
        prepared = _take_apart(rows, schema, rejections, batch.verified)
        if not rejections.rows:
            for name, size in schema.sparse.items():
                check_sparse(name, size, prepared[name + INDICES], prepared[name + VALUES], rejections)
        if not rejections.rows:
            break
        rejects += [batch.reject(kept[row], *found) for row, found in rejections.rows.items()]
        keep = ~np.isin(np.arange(rows.num_rows), list(rejections.rows))
        rows, kept = rows.filter(pa.array(keep)), kept[keep]
    columns: dict[str, Column] = {}
    for name, values in prepared.items():
        columns |= to_columns(name, schema.features[name], values)
    return columns, sorted(rejects, key=lambda reject: reject.row)


def _take_apart(
    rows: pa.RecordBatch, schema: Schema, rejections: Rejections, verified: Collection[str]
) -> dict[str, Values]:
    return {
        name: take_apart(name, feature, rows.column(rows.schema.get_field_index(name)), rejections, name in verified)
        for name, feature in schema.features.items()
    }
