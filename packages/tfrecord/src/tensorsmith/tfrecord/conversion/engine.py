"""What does the two parts of a conversion that take time."""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np

from tensorsmith.core import Advance
from tensorsmith.tfrecord.conversion.pieces import Piece, RejectedError, grouped, write_piece
from tensorsmith.tfrecord.schema import Schema
from tensorsmith.tfrecord.shards.index import Index
from tensorsmith.tfrecord.shards.rearrange import rearrange
from tensorsmith.tfrecord.sources.source import Source


class Engine(Protocol):
    """What encodes a source's rows as pieces, and writes their records into shards; never depending on how it does."""

    def encode(self, source: Source, schema: Schema, work: Path, strict: bool, report: Advance) -> list[Piece]:
        """Writes pieces into a folder, those that an interrupted call left there excepted.

        Raises:
            RejectedError: Rows do not fit, and `strict` is true.
        """

    def rearrange(
        self, index: Index, order: np.ndarray, paths: Sequence[Path], compression: str, *, resume: bool, report: Advance
    ) -> None:
        """Does what the function of this name does."""


class Threads:
    """Several threads encode; one writes shards.

    Args:
        count: How many.
    """

    def __init__(self, count: int) -> None:
        self._count = count

    def encode(self, source: Source, schema: Schema, work: Path, strict: bool, report: Advance) -> list[Piece]:
        """Pieces are numbered."""
        pieces: list[Piece] = []
        waiting: deque[Future[Piece]] = deque()

        def finish_one() -> None:
            pieces.append(waiting.popleft().result())
            report(pieces[-1].size)
            if strict and pieces[-1].rejects:
                raise RejectedError(pieces[-1].examples)

        with ThreadPoolExecutor(self._count) as pool:
            try:
                for number, batches in enumerate(grouped(source.batches(schema))):
                    waiting.append(pool.submit(write_piece, batches, schema, work / f"{number:06d}.tfrecord"))
                    if len(waiting) > self._count:
                        finish_one()
                while waiting:
                    finish_one()
            finally:
                for task in waiting:
                    task.cancel()
        return pieces

    def rearrange(
        self, index: Index, order: np.ndarray, paths: Sequence[Path], compression: str, *, resume: bool, report: Advance
    ) -> None:
        """A shard after the other."""
        rearrange(index, order, paths, compression, resume=resume, report=report)
