"""Streaming statistics with bounded memory: moments, token counts, and quantiles."""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np


class Moments:
    """Running mean and variance of each column.

    Source: Chan et al., "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979.

    Example:
        >>> moments = Moments()
        >>> moments.update(np.array([[1.0, 5.0]]))
        >>> moments.update(np.array([[3.0, 5.0]]))
        >>> moments.mean, moments.variance
        (array([2., 5.]), array([1., 1.]))
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean: Any = np.zeros(())
        self._squares: Any = np.zeros(())

    def update(self, rows: np.ndarray) -> None:
        """Updates the mean and variance with a batch of shape `(batch, columns)`."""
        rows = np.asarray(rows, "float64")
        mean = rows[0] + (rows - rows[0]).mean(0)  # exact if all rows are equal
        # Merge the batch: add the sum of squares between both means, and shift the mean.
        count, apart = self.count + len(rows), mean - self.mean
        self._squares = self._squares + np.square(rows - mean).sum(0) + apart**2 * (self.count * len(rows) / count)
        self.mean = self.mean + apart * (len(rows) / count)
        self.count = count

    @property
    def variance(self) -> np.ndarray:
        """Variance of each column, replaced by 1 if it does not exceed rounding errors."""
        variance = self._squares / self.count
        return np.where(variance <= (16 * np.finfo("float64").eps * self.mean) ** 2, 1.0, variance)


class TokenCounts:
    """Accumulator of the frequency and the document frequency of each token.

    Counts are exact up to `keep` distinct tokens. Beyond that, the median count is subtracted from all counts, and
    tokens whose count reaches 0 are dropped. A count is therefore too low by at most 2 / `keep` of the total number of
    tokens, and a token that occurs more often than that is never dropped.

    Source: Misra and Gries, "Finding repeated elements", 1982.

    Args:
        keep: Maximum number of distinct tokens to count.

    Example:
        >>> counts = TokenCounts()
        >>> counts.update([["more", "and", "more"], ["and", "me"]])
        >>> counts.most_frequent(2), counts.document_counts["more"], counts.documents
        (['and', 'more'], 1, 2)
    """

    def __init__(self, keep: int = 1_000_000):
        self.counts: Counter[Any] = Counter()
        self.document_counts: Counter[Any] = Counter()
        self.documents = 0
        self._keep = keep

    def update(self, documents: Sequence[Sequence[Any]] | np.ndarray) -> None:
        """Updates the counts with a batch of documents: lists of tokens, or an array of shape `(batch, tokens)`."""
        documents = documents.tolist() if isinstance(documents, np.ndarray) else documents
        self.documents += len(documents)
        self.counts.update(chain.from_iterable(documents))
        self.document_counts.update(chain.from_iterable(map(set, documents)))
        if len(self.counts) > self._keep:
            less = sorted(self.counts.values(), reverse=True)[self._keep // 2]
            self.counts = Counter({token: count - less for token, count in self.counts.items() if count > less})
            self.document_counts = Counter({token: self.document_counts[token] for token in self.counts})

    def most_frequent(self, limit: int | None = None) -> list[Any]:
        """Returns the tokens in descending order of frequency. Tokens of equal frequency are in ascending order."""
        return sorted(self.counts, key=lambda token: (-self.counts[token], token))[:limit]


class Quantiles:
    """Streaming quantiles, computed exactly or estimated from a random sample.

    Quantiles are exact up to 2 * `keep` values. Beyond that, they are estimated from a uniform random sample of at
    least `keep` values: each value is assigned a random number, and the values with the smallest numbers are kept. For
    a sample of 100,000 values, the fraction of all values below the sample median is 0.5 with a standard error of
    0.0016.

    Args:
        keep: Minimum size of the random sample. Quantiles of up to `2 * keep` values are exact.
        seed: Random seed for sampling the values.

    Example:
        >>> quantiles = Quantiles()
        >>> quantiles.update(np.arange(4.0))
        >>> quantiles.update(np.arange(4.0, 9.0))
        >>> quantiles.boundaries(4)
        [2.0, 4.0, 6.0]
    """

    def __init__(self, keep: int = 100_000, seed: int = 0):
        self._keep = keep
        self._rng = np.random.default_rng(seed)
        self._values = self._draws = np.zeros(0)
        self._bound = 1.0

    def update(self, values: np.ndarray) -> None:
        """Updates the quantiles with an array of numbers of any shape."""
        values = np.asarray(values, "float64").ravel()
        draws = self._rng.random(len(values))
        likely = draws < self._bound
        self._values = np.concatenate([self._values, values[likely]])
        self._draws = np.concatenate([self._draws, draws[likely]])
        # Keep the values with the smallest draws; later draws above the bound cannot enter.
        if len(self._values) > 2 * self._keep:
            kept = np.argpartition(self._draws, self._keep)[: self._keep]
            self._values, self._draws = self._values[kept], self._draws[kept]
            self._bound = float(self._draws.max())

    def median(self) -> float:
        """Returns the median of the values."""
        return float(np.median(self._values))

    def boundaries(self, bins: int) -> list[float]:
        """Returns the boundaries of at most `bins` non-empty bins with equal numbers of values."""
        if not len(self._values):
            return []
        inner = np.quantile(self._values, np.arange(1, bins) / bins)
        before = np.searchsorted(np.sort(self._values), inner)  # number of smaller values
        # Boundaries with the same number of smaller values would enclose an empty bin.
        kept, first = np.unique(before, return_index=True)
        return inner[first[(kept > 0) & (kept < len(self._values))]].tolist()
