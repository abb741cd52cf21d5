"""Engines that perform the two most expensive steps of a conversion: encoding rows and writing shards."""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np

from tensorsmith.core import Advance
from tensorsmith.tfrecord.conversion.chunks import Chunk, RejectedError, grouped, write_chunk
from tensorsmith.tfrecord.schema import Schema
from tensorsmith.tfrecord.shards.index import Index
from tensorsmith.tfrecord.shards.rearrange import rearrange
from tensorsmith.tfrecord.sources.source import Source


class Engine(Protocol):
    """Interface of conversion engines. The output is the same for all engines.

    An engine encodes the rows of a source as chunks, and writes the records of the chunks to shards.
    """

    def encode(self, source: Source, schema: Schema, work: Path, strict: bool, report: Advance) -> list[Chunk]:
        """Writes encoded rows to temporary files, reusing the files that an interrupted call has completed.

        Args:
            source: Data source to encode.
            schema: Schema of the examples.
            work: Temporary folder for the encoded chunks.
            strict: If `True`, rows that do not conform to the schema raise an error.
            report: Function that is called with the number of bytes encoded since the previous call.

        Returns:
            The chunks, in the order of the source.

        Raises:
            RejectedError: If rows do not fit the schema and `strict` is `True`.
        """

    def rearrange(
        self, index: Index, order: np.ndarray, paths: Sequence[Path], compression: str, *, resume: bool, report: Advance
    ) -> None:
        """Writes the encoded records to shards in the given order."""


class Threads:
    """Conversion engine that encodes in several threads and writes shards in a single thread.

    Args:
        count: Number of threads.
    """

    def __init__(self, count: int) -> None:
        self._count = count

    def encode(self, source: Source, schema: Schema, work: Path, strict: bool, report: Advance) -> list[Chunk]:
        """Encodes the rows of the data source in parallel threads, and writes them to numbered temporary files."""
        chunks: list[Chunk] = []
        waiting: deque[Future[Chunk]] = deque()

        def finish_one() -> None:
            chunks.append(waiting.popleft().result())
            report(chunks[-1].size)
            if strict and chunks[-1].rejects:
                raise RejectedError(chunks[-1].examples)

        with ThreadPoolExecutor(self._count) as pool:
            try:
                for number, batches in enumerate(grouped(source.batches(schema))):
                    waiting.append(pool.submit(write_chunk, batches, schema, work / f"{number:06d}.tfrecord"))
                    if len(waiting) > self._count:
                        finish_one()
                while waiting:
                    finish_one()
            finally:
                for task in waiting:
                    task.cancel()
        return chunks

    def rearrange(
        self, index: Index, order: np.ndarray, paths: Sequence[Path], compression: str, *, resume: bool, report: Advance
    ) -> None:
        """Writes the records to shards, one shard after another."""
        rearrange(index, order, paths, compression, resume=resume, report=report)
