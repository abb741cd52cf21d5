"""Feature statistics of TFRecord files, computed in one pass."""

import hashlib
import math
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from tensorsmith.core import Advance, unreported
from tensorsmith.records import Column
from tensorsmith.tfrecord.schema.stored import numbers_of, stored_as_bytes
from tensorsmith.tfrecord.shards.columns import check_kinds, columns_of, features_of
from tensorsmith.tfrecord.shards.reading import read


@dataclass
class NumberStats:
    """Running statistics of a numeric feature.

    Attributes:
        rows: Number of records that have the feature.
        count: Number of values, including NaN.
        nan: Number of NaN values. They are excluded from the statistics below.
        zeros: Number of values equal to 0.
        least: Minimum of all values.
        greatest: Maximum of all values.
        mean: Mean of the values in float64.
        squares: Sum of the squared deviations from the mean.
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
        """Population standard deviation, equivalent to `np.std`."""
        known = self.count - self.nan
        return math.sqrt(self.squares / known) if known else math.nan

    def add(self, values: np.ndarray, rows: int) -> None:
        """Updates the statistics with a batch of numbers.

        Means and sums of squares are combined as in Chan, Golub and LeVeque, "Updating Formulae and a Pairwise
        Algorithm for Computing Sample Variances", 1979, which avoids cancellation if the mean is far from 0.

        Args:
            values: Values of the feature to add to the statistics.
            rows: Number of records that contain the values.
        """
        # NaN is counted but excluded from all other statistics.
        known = values[~np.isnan(values)] if values.dtype.kind == "f" else values
        before = self.count - self.nan
        self.rows += rows
        self.count += values.size
        self.nan += values.size - known.size
        if known.size == 0:
            return
        self.zeros += int((known == 0).sum())
        self.least, self.greatest = min(self.least, known.min().item()), max(self.greatest, known.max().item())
        with np.errstate(invalid="ignore", over="ignore"):  # the deviation of infinite values is NaN
            mean = float(known.mean(dtype="float64"))
            squares = float(np.square(known.astype("float64") - mean).sum())
        # Merge the two partitions: shift the mean, and add the between-partition sum of squares.
        apart = mean - self.mean if before else 0.0
        share = known.size / (before + known.size)
        self.mean = self.mean + apart * share if before else mean
        self.squares += squares + apart * apart * share * before


@dataclass
class BytesStats:
    """Running statistics of a feature with bytes values.

    Attributes:
        rows: Number of records that have the feature.
        count: Number of values.
        empty: Number of empty values.
        shortest: Length of the shortest value in bytes.
        longest: Length of the longest value in bytes.
        size: Total size of all values in bytes.
        found: Number of occurrences of each distinct value, `None` if there are more than `MOST_DISTINCT`. A value
            longer than `KEPT` bytes is represented by its first `KEPT` bytes and a hash.
    """

    MOST_DISTINCT: ClassVar = 1000
    KEPT: ClassVar = 64  # bytes that are kept of a value

    rows: int = 0
    count: int = 0
    empty: int = 0
    shortest: int = 0
    longest: int = 0
    size: int = 0
    found: Counter[bytes] | None = field(default_factory=Counter)

    def add(self, column: Column) -> None:
        """Updates the statistics with the bytes values of a column."""
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
        """Returns a bytes value, or its first bytes and a hash if the value is long."""
        if len(value) <= self.KEPT:
            return value
        return value[: self.KEPT] + hashlib.blake2b(value, digest_size=16).digest()


@dataclass(frozen=True)
class Stats:
    """Feature statistics of TFRecord files.

    Attributes:
        records: Number of records.
        features: Name of each feature mapped to its statistics.
    """

    records: int
    features: dict[str, NumberStats | BytesStats]


def stats(files: Sequence[str | os.PathLike[str]], report: Advance = unreported) -> Stats:
    """Computes means, extrema, counts of zeros and NaN, and lengths of the features in TFRecord files, in one pass.

    Features stored as bytes are read as numbers if a `schema.yaml` next to the files declares them as such.

    Args:
        files: Paths of TFRecord files that contain `tf.train.Example` or `tf.train.SequenceExample` records. The files
            may be compressed.
        report: Function that is called with the number of bytes read since the previous call, including record framing.

    Returns:
        A `Stats` with the number of records and the statistics of each feature.

    Raises:
        FeatureError: If a feature has values of several kinds.
        DamagedFileError: If a record is damaged or is not an example.
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
                check_kinds(name, dict.fromkeys((kind, column.kind)))
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
