"""What is gathered of data that come in batches: moments, counts of tokens, and quantiles. Memory is bounded."""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np


class Moments:
    """Means and variances of columns.

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
        """Takes in a batch, `(batch, columns)`."""
        rows = np.asarray(rows, "float64")
        mean = rows[0] + (rows - rows[0]).mean(0)  # exact where all are the same
        count, apart = self.count + len(rows), mean - self.mean
        self._squares = self._squares + np.square(rows - mean).sum(0) + apart**2 * (self.count * len(rows) / count)
        self.mean = self.mean + apart * (len(rows) / count)
        self.count = count

    @property
    def variance(self) -> np.ndarray:
        """The variance of each column, and 1 where it is no more than what rounding leaves of 0."""
        variance = self._squares / self.count
        return np.where(variance <= (16 * np.finfo("float64").eps * self.mean) ** 2, 1.0, variance)


class TokenCounts:
    """How often each token occurs, and in how many documents.

    Exact while there are no more than `keep` different tokens. When there are more, the count of the token in the
    middle is taken from the counts of all, and tokens without any left are forgotten. So no count is too low by more
    than 2 / `keep` of all tokens, and a token that occurs more often than that is never lost.

    Source: Misra and Gries, "Finding repeated elements", 1982.

    Args:
        keep: How many different tokens to count at most.

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
        """Takes in a batch of documents: lists of tokens, or an array of `(batch, tokens)`."""
        documents = documents.tolist() if isinstance(documents, np.ndarray) else documents
        self.documents += len(documents)
        self.counts.update(chain.from_iterable(documents))
        self.document_counts.update(chain.from_iterable(map(set, documents)))
        if len(self.counts) > self._keep:
            less = sorted(self.counts.values(), reverse=True)[self._keep // 2]
            self.counts = Counter({token: count - less for token, count in self.counts.items() if count > less})
            self.document_counts = Counter({token: self.document_counts[token] for token in self.counts})

    def most_frequent(self, limit: int | None = None) -> list[Any]:
        """The tokens, most frequent first, and those that are as frequent in their own order."""
        return sorted(self.counts, key=lambda token: (-self.counts[token], token))[:limit]


class Quantiles:
    """Quantiles of all values.

    Exact while there are no more than twice `keep` values; from there on of a sample of `keep` or more, in which every
    value is as likely: each draws a number, and those with the smallest are kept. Of 100,000 values in a sample, the
    one in the middle has a share of 0.5 of all values below it, with a standard error of 0.0016.

    Args:
        keep: How many values to keep at least.
        seed: Of the draws.

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
        """Takes in a batch of any shape."""
        values = np.asarray(values, "float64").ravel()
        draws = self._rng.random(len(values))
        likely = draws < self._bound
        self._values = np.concatenate([self._values, values[likely]])
        self._draws = np.concatenate([self._draws, draws[likely]])
        if len(self._values) > 2 * self._keep:
            kept = np.argpartition(self._draws, self._keep)[: self._keep]
            self._values, self._draws = self._values[kept], self._draws[kept]
            self._bound = float(self._draws.max())

    def boundaries(self, bins: int) -> list[float]:
        """What cuts the values into bins of as many, fewer where values are equal; every bin has some."""
        if not len(self._values):
            return []
        inner = np.quantile(self._values, np.arange(1, bins) / bins)
        before = np.searchsorted(np.sort(self._values), inner)  # how many values are smaller
        kept, first = np.unique(before, return_index=True)
        return inner[first[(kept > 0) & (kept < len(self._values))]].tolist()
