"""Figures about each feature of TFRecord files, in one pass."""

import hashlib
import math
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from tensorsmith.core import Advance, check, unreported
from tensorsmith.records import Column
from tensorsmith.tfrecord.schema.stored import numbers_of, stored_as_bytes
from tensorsmith.tfrecord.shards.columns import columns_of, features_of
from tensorsmith.tfrecord.shards.reading import read


@dataclass
class NumberStats:
    """Figures about numbers, of which parts are added one after the other.

    Attributes:
        rows: How many records have the feature.
        count: How many values, NaN included.
        nan: How many of them are NaN, which no other figure includes.
        zeros: How many are 0.
        least: The least one.
        greatest: The greatest one.
        mean: Their mean, in float64.
        squares: The sum of squared distances from the mean.
    """

    rows: int = 0
    count: int = 0
    nan: int = 0
    zeros: int = 0
    least: float = math.inf
    greatest: float = -math.inf
    mean: float = math.nan
    squares: float = 0.0

    @property
    def deviation(self) -> float:
        """The standard deviation, as `np.std` has it."""
        known = self.count - self.nan
        return math.sqrt(self.squares / known) if known else math.nan

    def add(self, values: np.ndarray, rows: int) -> None:
        """Adds values, of some more rows.

        Means and squares are joined as in Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for
        Computing Sample Variances", 1979, which loses no digits where the mean is far from 0.
        """
        known = values[~np.isnan(values)] if values.dtype.kind == "f" else values
        before = self.count - self.nan
        self.rows += rows
        self.count += values.size
        self.nan += values.size - known.size
        if known.size == 0:
            return
        self.zeros += int((known == 0).sum())
        self.least, self.greatest = min(self.least, known.min().item()), max(self.greatest, known.max().item())
        with np.errstate(invalid="ignore", over="ignore"):  # infinities have no deviation
            mean = float(known.mean(dtype="float64"))
            squares = float(np.square(known.astype("float64") - mean).sum())
        apart = mean - self.mean if before else 0.0
        share = known.size / (before + known.size)
        self.mean = self.mean + apart * share if before else mean
        self.squares += squares + apart * apart * share * before


@dataclass
class BytesStats:
    """Figures about values that are bytes.

    Attributes:
        rows: How many records have the feature.
        count: How many values.
        empty: How many of them are empty.
        shortest: Bytes of the shortest one.
        longest: Bytes of the longest one.
        size: Bytes of all.
        found: How often each value is there, `None` where they are more than `MOST_DISTINCT`. Of values longer than
            `KEPT` it has so many bytes, and a hash behind them.
    """

    MOST_DISTINCT: ClassVar = 1000
    KEPT: ClassVar = 64  # bytes of a value

    rows: int = 0
    count: int = 0
    empty: int = 0
    shortest: int = 0
    longest: int = 0
    size: int = 0
    found: Counter[bytes] | None = field(default_factory=Counter)

    def add(self, column: Column) -> None:
        """Adds the values of some rows."""
        assert column.bounds is not None
        lengths = np.diff(column.bounds)
        self.rows += _rows_with(column)
        if lengths.size == 0:
            return
        self.shortest = min(self.shortest, int(lengths.min())) if self.count else int(lengths.min())
        self.longest = max(self.longest, int(lengths.max()))
        self.count += lengths.size
        self.empty += int((lengths == 0).sum())
        self.size += int(lengths.sum())
        for begin, end in zip(column.bounds[:-1].tolist(), column.bounds[1:].tolist(), strict=True):
            if self.found is None:
                return
            self.found[self._short(column.values[begin:end].tobytes())] += 1
            if len(self.found) > self.MOST_DISTINCT:
                self.found = None

    def _short(self, value: bytes) -> bytes:
        """A value, or of a long one how it begins and what tells it from others."""
        if len(value) <= self.KEPT:
            return value
        return value[: self.KEPT] + hashlib.blake2b(value, digest_size=16).digest()


@dataclass(frozen=True)
class Stats:
    """Figures about the features of files.

    Attributes:
        records: How many records there are.
        features: Name to figures.
    """

    records: int
    features: dict[str, NumberStats | BytesStats]


def stats(files: Sequence[str | os.PathLike[str]], report: Advance = unreported) -> Stats:
    """Reads files once, and counts and sums what their features hold.

    What is stored as bytes is numbers where a `schema.yaml` beside the files says so.

    Args:
        files: TFRecord files of `tf.train.Example` or `tf.train.SequenceExample`, compressed or not.
        report: Called with each number of bytes that are done, frames included.

    Raises:
        ValueError: A feature has values of several kinds.
        DamagedFileError: A record is damaged, or no example.
    """
    stored = stored_as_bytes(files)
    texts: dict[str, BytesStats] = {}
    figures: dict[str, NumberStats] = {}
    kinds: dict[str, str] = {}
    records = 0
    for path in map(Path, files):
        for part in read(path):
            for name, column in columns_of(path, part, features_of(path, part)).items():
                kind = kinds.setdefault(name, column.kind)
                held = f"{kind} and {column.kind}"
                check(kind == column.kind, f"feature {name}", held, "values of one kind", "write the records anew")
                numbers = numbers_of(name, column, stored)
                if kind == "bytes" and numbers is None:
                    texts.setdefault(name, BytesStats()).add(column)
                else:
                    values = column.values if numbers is None else numbers[0]
                    figures.setdefault(name, NumberStats()).add(values, _rows_with(column))
            records += len(part.records)
            report(part.size)
    found: dict[str, NumberStats | BytesStats] = {**texts, **figures}
    return Stats(records, dict(sorted(found.items())))


def _rows_with(column: Column) -> int:
    return len(column) if column.present is None else int(column.present.sum())
