"""What can be done with a feature: what it has to be, what is gathered of its data, and which layers come of that.

A choice says three things: why a feature does not fit it, the statistics that its layers need of the data, and the
layers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from tensorsmith.core import check
from tensorsmith.core.types import Tensor
from tensorsmith.data.preprocessing.bucketizer import Bucketizer, boundaries_of
from tensorsmith.data.preprocessing.split_words import split_words
from tensorsmith.data.preprocessing.statistics import Moments, Quantiles, TokenCounts
from tensorsmith.data.preprocessing.tf_idf import FORMULAS, idf_weights
from tensorsmith.data.preprocessing.vocabulary import ORDERS, Vocabulary, as_text
from tensorsmith.tfrecord import Feature
from tensorsmith.tfrecord.schema import COMPLEX, INTEGERS, STRINGS

TOKENS = "strings or integers"
BETWEEN = 2**62  # numbers of a cross that is crossed again: so many that different ones are hardly ever made equal


@dataclass(frozen=True)
class Choice:
    """What is done with a feature.

    Args:
        feature: The schema's name of the feature; "" for the name that the choice has in the spec.
    """

    feature: str = field(default="", kw_only=True)

    def misfit(self, feature: Feature) -> str:
        """What would fit, where the feature does not; else ""."""
        return "real numbers" if feature.dtype in (*STRINGS, *COMPLEX) else ""

    def statistics(self, seed: int) -> Any:
        """What to `update` with the data, rows of `(batch, values)`; None where nothing has to be known."""
        return None

    def layers(self, feature: Feature, statistics: Any) -> list[Any]:
        """The Keras layers, of which each takes what the one before returns, the first `(batch, values)`."""
        raise NotImplementedError


@dataclass(frozen=True)
class Keep(Choice):
    """Takes numbers as they are, as float32."""

    def layers(self, feature: Feature, statistics: Any) -> list[Any]:
        """A cast."""
        return [_cast()]


@dataclass(frozen=True)
class Standardize(Choice):
    """Gives numbers mean 0 and standard deviation 1, each value of a feature by itself.

    It becomes a `keras.layers.Normalization` in float64, so that large numbers that differ little do so afterwards too.
    A value that is constant in the data is divided by 1, where that layer's own `adapt` divides it by 1e-7.
    """

    def statistics(self, seed: int) -> Moments:
        """Means and variances."""
        return Moments()

    def layers(self, feature: Feature, statistics: Moments) -> list[Any]:
        """A normalization."""
        layer = keras.layers.Normalization(dtype="float64")
        layer.build((None, len(statistics.mean)))
        # As weights, since Keras makes float32 of a mean that is an argument.
        layer.set_weights([statistics.mean, statistics.variance, np.int64(0)])
        layer.finalize_state()
        return [layer, _cast()]


@dataclass(frozen=True)
class Text(Choice):
    """Counts the words of a text; the words are those of `split_words`.

    It becomes a `keras.layers.TextVectorization`, whose first number is that of words it does not know.

    Args:
        limit: How many words to know at most, the most frequent ones.
        output: "count", "multi_hot" or "tf_idf".
        formula: Of TF-IDF, "keras" or "handbook", see `idf_weights`.
    """

    limit: int = 10_000
    output: str = "count"
    formula: str = "keras"

    def __post_init__(self) -> None:
        _check_positive("limit", self.limit)
        outputs = ("count", "multi_hot", "tf_idf")
        check(self.output in outputs, "output", self.output, " or ".join(map(repr, outputs)))
        check(self.formula in FORMULAS, "formula", self.formula, " or ".join(map(repr, FORMULAS)))

    def misfit(self, feature: Feature) -> str:
        """Not a text."""
        return "" if feature.dtype == "string" and feature.shape == () else "one string"

    def statistics(self, seed: int) -> Any:
        """Counts of words."""
        return _WordCounts()

    def layers(self, feature: Feature, statistics: TokenCounts) -> list[Any]:
        """A text vectorization."""
        words = statistics.most_frequent(self.limit)
        check(bool(words), "data", words, "at least one word")
        counts = [statistics.document_counts[word] for word in words]
        weights = idf_weights(counts, statistics.documents, self.formula).tolist() if self.output == "tf_idf" else None
        vectorization = keras.layers.TextVectorization(
            standardize=None,
            split=split_words,
            output_mode=self.output,
            vocabulary=[as_text(word) for word in words],
            idf_weights=weights,
        )
        # Of a column Keras foresees another shape than it makes.
        return [keras.layers.Reshape(()), vectorization, _cast()]


@dataclass(frozen=True)
class Indices(Choice):
    """What makes numbers of classes, which the encoder makes vectors of.

    Args:
        embed: Size of a trainable embedding of each class; None for a one-hot vector.
    """

    embed: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.embed is not None:
            _check_positive("embed", self.embed)

    def size(self, layers: Sequence[Any]) -> int:
        """How many classes there are, given the layers."""
        size: int = layers[0].size
        return size


@dataclass(frozen=True)
class Lookup(Indices):
    """Gives each string or integer its number in a `Vocabulary`.

    Args:
        vocabulary: The tokens; None for those in the data, most frequent first.
        oov_buckets: How many numbers there are for other tokens.
        oov: Where those are: "first", as in Keras, or "last", as in `tf.lookup.StaticVocabularyTable`.
        limit: How many tokens of the data to take at most.
    """

    vocabulary: tuple[str, ...] | tuple[int, ...] | None = None
    oov_buckets: int = 1
    oov: str = "first"
    limit: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_positive("oov_buckets", self.oov_buckets)
        check(self.oov in ORDERS, "oov", self.oov, " or ".join(map(repr, ORDERS)))
        if self.limit is not None:
            _check_positive("limit", self.limit)

    def misfit(self, feature: Feature) -> str:
        """Neither strings nor integers."""
        return "" if feature.dtype in (*STRINGS, *INTEGERS) else TOKENS

    def statistics(self, seed: int) -> TokenCounts | None:
        """Counts of tokens."""
        return TokenCounts() if self.vocabulary is None else None

    def layers(self, feature: Feature, statistics: TokenCounts | None) -> list[Any]:
        """A vocabulary."""
        tokens = statistics.most_frequent(self.limit) if statistics else self.vocabulary or ()
        keys = "string" if feature.dtype in STRINGS else "int64"
        return [Vocabulary([as_text(token) for token in tokens], self.oov_buckets, self.oov, keys=keys)]


@dataclass(frozen=True)
class Hash(Indices):
    """Gives each string or integer one of a few numbers by its hash: a `keras.layers.Hashing`.

    Args:
        bins: How many numbers.
        salt: Of the hash; None for one without.
    """

    bins: int
    salt: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_positive("bins", self.bins)

    def misfit(self, feature: Feature) -> str:
        """Neither strings nor integers."""
        return "" if feature.dtype in (*STRINGS, *INTEGERS) else TOKENS

    def layers(self, feature: Feature, statistics: Any) -> list[Any]:
        """A hashing."""
        return [keras.layers.Hashing(self.bins, salt=self.salt)]

    def size(self, layers: Sequence[Any]) -> int:
        """The bins."""
        return self.bins


@dataclass(frozen=True)
class Bucketize(Indices):
    """Gives each number that of the bin it is in: a `Bucketizer`.

    Args:
        bins: How many bins; None where `boundaries` are given.
        boundaries: Where bins end and the next ones begin, which have the value itself.
    """

    bins: int | None = None
    boundaries: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        one = (self.bins is None) == bool(self.boundaries)
        check(one, "bins", self.bins, "a number of bins, or `boundaries`, and not both")
        check(self.bins is None or (isinstance(self.bins, int) and self.bins > 1), "bins", self.bins, "2 or more")
        ordered = list(self.boundaries) == sorted(set(self.boundaries))
        check(ordered, "boundaries", self.boundaries, "numbers that increase")

    def statistics(self, seed: int) -> Quantiles | None:
        """Quantiles."""
        return Quantiles(seed=seed) if self.bins else None

    def layers(self, feature: Feature, statistics: Quantiles | None) -> list[Any]:
        """A bucketizer."""
        return [Bucketizer(boundaries_of(statistics, self.bins or 0) if statistics else self.boundaries)]


@dataclass(frozen=True)
class Cross(Indices):
    """Gives each combination of other features' numbers one of a few by its hash.

    It becomes a `keras.layers.HashedCrossing`, and one more for each feature after the second, since that layer refuses
    a third in a functional model.

    Args:
        features: Names in the spec of two or more of `Lookup`, `Hash` or `Bucketize`, of features of one value.
        bins: How many numbers.
    """

    features: tuple[str, ...]
    bins: int

    def __post_init__(self) -> None:
        super().__post_init__()
        several = isinstance(self.features, tuple) and len(set(self.features)) == len(self.features) > 1
        check(several, "features", self.features, "a tuple of two names or more")
        check(not self.feature, "feature", self.feature, "nothing, since a cross is of `features`")
        _check_positive("bins", self.bins)

    def join(self, numbers: Sequence[Any]) -> Tensor:
        """The crossed numbers of symbolic tensors, `(batch, 1)` each."""
        crossed, *others = numbers
        for other in others[:-1]:
            crossed = keras.layers.HashedCrossing(BETWEEN)([crossed, other])
        return keras.layers.HashedCrossing(self.bins)([crossed, others[-1]])

    def size(self, layers: Sequence[Any]) -> int:
        """The bins."""
        return self.bins


def default_choice(feature: Feature) -> Choice | None:
    """What is done with a feature that nothing was chosen for; None where that has to be."""
    if feature.labels:
        return Lookup(tuple(range(len(feature.labels))))
    if len(feature.shape) > 1 or feature.dtype in ("bytes", *COMPLEX):
        return None
    if feature.dtype == "string":
        return Lookup()
    return Keep() if feature.dtype == "bool" else Standardize()


def values_per_example(feature: Feature) -> int:
    """How many values each example has."""
    return math.prod(size or 0 for size in feature.shape)


class _WordCounts(TokenCounts):
    """Counts of the words of texts."""

    def update(self, documents: Any) -> None:
        super().update(split_words(documents[:, 0]).to_list())


def _cast() -> keras.Layer:
    return keras.layers.Rescaling(1.0, dtype="float32")


def _check_positive(name: str, value: Any) -> None:
    check(isinstance(value, int) and value > 0, name, value, "a positive integer")
