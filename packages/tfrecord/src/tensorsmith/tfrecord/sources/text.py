"""Text files as a data source."""

import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tensorsmith.tfrecord.sources.csv_header import wrong_encoding
from tensorsmith.tfrecord.sources.csv_options import check_encoding
from tensorsmith.tfrecord.sources.files import GZIP_ERRORS, UnreadableError, open_plain
from tensorsmith.tfrecord.sources.source import Batch
from tensorsmith.tfrecord.sources.table import MOST_BYTES, MOST_ROWS, TableSource, link_batch


class TextFiles(TableSource):
    """Data source with one row per line, also for empty lines. The feature `text` is the line without its ending.

    Args:
        files: Paths of the text files.
        encoding: Character encoding of the files, as a Python codec name.
    """

    by_file = True

    def __init__(self, files: list[Path], encoding: str = "utf-8") -> None:
        self.files, self._encoding = files, check_encoding(encoding)

    def rows(self) -> Iterator[Batch]:
        """Yields all rows of the data source in batches."""
        for path in self.files:
            if link := link_batch(path):
                yield link
                continue
            lines: list[str] = []
            first = size = 0
            try:
                with io.TextIOWrapper(open_plain(path), self._encoding) as file:
                    for line in file:
                        lines.append(line.removesuffix("\n"))
                        size += len(line)
                        if size >= MOST_BYTES or len(lines) == MOST_ROWS:
                            yield _batch(path, lines, first)
                            lines, first, size = [], first + len(lines), 0
            except UnicodeError:
                raise UnreadableError(path, wrong_encoding(path, self._encoding)) from None
            except (*GZIP_ERRORS, zlib.error) as error:
                raise UnreadableError(path, str(error)) from None
            if lines:
                yield _batch(path, lines, first)


def _batch(path: Path, lines: list[Any], first: int) -> Batch:
    rows = pa.RecordBatch.from_arrays([pa.array(lines, pa.string())], ["text"])
    numbers = np.arange(first + 1, first + 1 + len(lines))
    return Batch(rows, str(path), numbers, lines=numbers)
