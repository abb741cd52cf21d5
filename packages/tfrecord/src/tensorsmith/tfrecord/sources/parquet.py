"""Parquet files as a data source."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from tensorsmith.tfrecord.schema import Schema
from tensorsmith.tfrecord.sources.files import UnreadableError
from tensorsmith.tfrecord.sources.flat import flatten
from tensorsmith.tfrecord.sources.source import Batch
from tensorsmith.tfrecord.sources.table import MOST_BYTES, MOST_ROWS, TableSource, check_names, link_batch, select

ERRORS = (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeError, OSError)


class ParquetFiles(TableSource):
    """Data source for Parquet files, read by row groups. Structs, dates and other types are converted by `flatten`.

    Args:
        files: Paths of the Parquet files.
    """

    by_file = True

    def __init__(self, files: list[Path]) -> None:
        self.files = files

    def rows(self) -> Iterator[Batch]:
        """Yields all rows of the data source in batches."""
        for path in self.files:
            yield from self._file(path, None)

    def batches(self, schema: Schema) -> Iterator[Batch]:
        """Yields all rows in batches, and reads only the columns of a schema."""
        for path in self.files:
            for batch in self._file(path, {name.partition("/")[0] for name in schema.features}):
                if not batch.rejects:
                    check_names(schema, batch.rows.schema.names)
                yield replace(batch, rows=select(batch.rows, schema))

    def _file(self, path: Path, roots: set[str] | None) -> Iterator[Batch]:
        if link := link_batch(path):
            yield link
            return
        first = 1
        try:
            with parquet.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as file:
                size = sum(file.metadata.row_group(group).total_byte_size for group in range(file.num_row_groups))
                most = max(1, min(MOST_ROWS, MOST_BYTES * file.metadata.num_rows // max(size, 1)))
                names = file.schema_arrow.names
                # The first part of a name may match several columns, as names may contain slashes.
                columns = None if roots is None else [name for name in names if name.partition("/")[0] in roots]
                for part in file.iter_batches(most, columns=columns, use_threads=False):
                    part.validate(full=True)
                    rows = flatten(part, path)
                    yield Batch(rows, str(path), np.arange(first, first + part.num_rows))
                    first += part.num_rows
                if first - 1 != file.metadata.num_rows:
                    raise UnreadableError(path, f"expected {file.metadata.num_rows:,} rows, got {first - 1:,}")
        except ERRORS as error:
            if isinstance(error, UnreadableError | FileNotFoundError | PermissionError):
                raise
            raise UnreadableError(path, f"not a valid Parquet file: {error}") from None
