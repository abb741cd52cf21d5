"""Preprocessing options of a feature spec, such as `Standardize` and `Lookup`.

A choice defines which features it supports, the statistics of the data that its layers need, and the layers.
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
BETWEEN = 2**62  # bins of intermediate crosses, large enough to make collisions very unlikely


@dataclass(frozen=True)
class FeatureChoice:
    """Base class for the preprocessing options of a feature.

    Args:
        feature: Name of the feature in the schema. If "", the name under which the option is passed to the
            `FeatureSpec` is used.
    """

    feature: str = field(default="", kw_only=True)

    def incompatibility(self, feature: Feature) -> str:
        """Returns the required feature type if the type of `feature` is unsupported, otherwise ""."""
        return "real numbers" if feature.dtype in (*STRINGS, *COMPLEX) else ""

    def statistics(self, seed: int) -> Any:
        """Returns an accumulator for the statistics that the layers need, or `None` if no statistics are needed."""
        return None

    def layers(self, feature: Feature, statistics: Any) -> list[Any]:
        """Returns Keras layers to apply in sequence. The first layer takes a tensor of shape `(batch, values)`."""
        raise NotImplementedError


@dataclass(frozen=True)
class Passthrough(FeatureChoice):
    """Passes numbers through unchanged, except for a cast to float32."""

    def layers(self, feature: Feature, statistics: Any) -> list[Any]:
        """Returns a layer that casts to float32."""
        return [cast_to_float32()]


@dataclass(frozen=True)
class Standardize(FeatureChoice):
    """Standardizes numbers to zero mean and unit variance, separately for each component of a feature.

    It uses a `keras.layers.Normalization` in float64, which preserves small differences between large numbers. A value
    that is constant in the data is divided by 1, whereas the `adapt` method of that layer divides it by 1e-7.
    """

    def statistics(self, seed: int) -> Moments:
        """Returns an accumulator for the means and variances."""
        return Moments()

    def layers(self, feature: Feature, statistics: Moments) -> list[Any]:
        """Returns a normalization layer and a layer that casts to float32."""
        layer = keras.layers.Normalization(dtype="float64")
        layer.build((None, len(statistics.mean)))
        # Set as weights, since Keras converts a `mean` argument to float32.
        layer.set_weights([statistics.mean, statistics.variance, np.int64(0)])
        layer.finalize_state()
        return [layer, cast_to_float32()]


@dataclass(frozen=True)
class Text(FeatureChoice):
    """Converts a string to a vector of word counts, with words determined by `split_words`.

    It uses a `keras.layers.TextVectorization`, whose first index is that of out-of-vocabulary words.

    Args:
        limit: Maximum size of the vocabulary, which consists of the most frequent words.
        output: Output format: "count", "multi_hot" or "tf_idf".
        formula: Formula of the inverse document frequency (IDF), "keras" or "inverse_log"; see `idf_weights`.
    """

    limit: int = 10_000
    output: str = "count"
    formula: str = "keras"

    def __post_init__(self) -> None:
        _check_positive("limit", self.limit)
        outputs = ("count", "multi_hot", "tf_idf")
        check(self.output in outputs, "output", self.output, " or ".join(map(repr, outputs)))
        check(self.formula in FORMULAS, "formula", self.formula, " or ".join(map(repr, FORMULAS)))

    def incompatibility(self, feature: Feature) -> str:
        """Returns "one string" unless the feature is a scalar string."""
        return "" if feature.dtype == "string" and feature.shape == () else "one string"

    def statistics(self, seed: int) -> Any:
        """Returns an accumulator for the word counts."""
        return _WordCounts()

    def layers(self, feature: Feature, statistics: TokenCounts) -> list[Any]:
        """Returns a text vectorization layer whose vocabulary contains the most frequent words."""
        words = statistics.most_frequent(self.limit)
        check(bool(words), "data", words, "contain at least one word")
        counts = [statistics.document_counts[word] for word in words]
        weights = idf_weights(counts, statistics.documents, self.formula).tolist() if self.output == "tf_idf" else None
        vectorization = keras.layers.TextVectorization(
            standardize=None,
            split=split_words,
            output_mode=self.output,
            vocabulary=[as_text(word) for word in words],
            idf_weights=weights,
        )
        # For inputs with a column axis, Keras infers another output shape than it computes.
        return [keras.layers.Reshape(()), vectorization, cast_to_float32()]


@dataclass(frozen=True)
class Categorical(FeatureChoice):
    """Base class for preprocessing options that map a feature to class indices.

    Args:
        embed: Dimension of a trainable embedding. If `None`, one-hot vectors are used.
    """

    embed: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.embed is not None:
            _check_positive("embed", self.embed)

    def size(self, layers: Sequence[Any]) -> int:
        """Returns the number of classes, given the preprocessing layers of the option."""
        size: int = layers[0].size
        return size


@dataclass(frozen=True)
class Lookup(Categorical):
    """Maps strings or integers to their indices in a `Vocabulary`.

    Args:
        vocabulary: Vocabulary tokens. If `None`, the vocabulary is computed from the data, most frequent tokens first.
        oov_buckets: Number of indices for out-of-vocabulary tokens.
        oov: Position of the out-of-vocabulary indices: "first", as in Keras, or "last", as in
            `tf.lookup.StaticVocabularyTable`.
        limit: Maximum number of tokens in a vocabulary that is computed from the data.
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

    def incompatibility(self, feature: Feature) -> str:
        """Returns "strings or integers" unless the feature has one of these dtypes."""
        return "" if feature.dtype in (*STRINGS, *INTEGERS) else TOKENS

    def statistics(self, seed: int) -> TokenCounts | None:
        """Returns an accumulator for the token counts, or `None` if the vocabulary is given."""
        return TokenCounts() if self.vocabulary is None else None

    def layers(self, feature: Feature, statistics: TokenCounts | None) -> list[Any]:
        """Returns a vocabulary layer."""
        tokens = statistics.most_frequent(self.limit) if statistics else self.vocabulary or ()
        keys = "string" if feature.dtype in STRINGS else "int64"
        return [Vocabulary([as_text(token) for token in tokens], self.oov_buckets, self.oov, keys=keys)]


@dataclass(frozen=True)
class Hash(Categorical):
    """Maps strings or integers to a fixed number of bins by hashing, with a `keras.layers.Hashing` layer.

    Args:
        bins: Number of hash bins.
        salt: Salt of the hash function, or `None`.
    """

    bins: int
    salt: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_positive("bins", self.bins)

    def incompatibility(self, feature: Feature) -> str:
        """Returns "strings or integers" unless the feature has one of these dtypes."""
        return "" if feature.dtype in (*STRINGS, *INTEGERS) else TOKENS

    def layers(self, feature: Feature, statistics: Any) -> list[Any]:
        """Returns a hashing layer."""
        return [keras.layers.Hashing(self.bins, salt=self.salt)]

    def size(self, layers: Sequence[Any]) -> int:
        """Returns the number of bins."""
        return self.bins


@dataclass(frozen=True)
class Bucketize(Categorical):
    """Maps numbers to bin indices, with a `Bucketizer`.

    Args:
        bins: Number of bins, or `None` if `boundaries` is given.
        boundaries: Strictly increasing boundaries between bins. A value equal to a boundary belongs to the bin above
            it.
    """

    bins: int | None = None
    boundaries: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        one = (self.bins is None) == bool(self.boundaries)
        check(one, "bins", self.bins, "None if `boundaries` are passed, and an integer >= 2 otherwise")
        check(self.bins is None or (isinstance(self.bins, int) and self.bins > 1), "bins", self.bins, "an integer >= 2")
        ordered = list(self.boundaries) == sorted(set(self.boundaries))
        check(ordered, "boundaries", self.boundaries, "strictly increasing numbers")

    def statistics(self, seed: int) -> Quantiles | None:
        """Returns an accumulator for the quantiles, or `None` if the boundaries are given."""
        return Quantiles(seed=seed) if self.bins else None

    def layers(self, feature: Feature, statistics: Quantiles | None) -> list[Any]:
        """Returns a bucketizer layer."""
        return [Bucketizer(boundaries_of(statistics, self.bins or 0) if statistics else self.boundaries)]


@dataclass(frozen=True)
class Cross(Categorical):
    """Crosses features: hashes each combination of class indices to one of a fixed number of bins.

    It uses a `keras.layers.HashedCrossing`, and one more for each feature after the second, as that layer does not
    support a third feature in a functional model.

    Args:
        features: Tuple of the names of at least two features. In the `FeatureSpec`, each name must have a `Lookup`,
            `Hash` or `Bucketize` option for a scalar feature.
        bins: Number of hash bins.
    """

    features: tuple[str, ...]
    bins: int

    def __post_init__(self) -> None:
        super().__post_init__()
        several = isinstance(self.features, tuple) and len(set(self.features)) == len(self.features) > 1
        check(several, "features", self.features, "a tuple of at least two distinct feature names")
        check(not self.feature, "feature", self.feature, "None for Cross", "pass only `features`")
        _check_positive("bins", self.bins)

    def join(self, numbers: Sequence[Any]) -> Tensor:
        """Returns a symbolic tensor of the class index of each combination, given class indices `(batch, 1)`."""
        crossed, *others = numbers
        for other in others[:-1]:
            crossed = keras.layers.HashedCrossing(BETWEEN)([crossed, other])
        return keras.layers.HashedCrossing(self.bins)([crossed, others[-1]])

    def size(self, layers: Sequence[Any]) -> int:
        """Returns the number of bins."""
        return self.bins


def default_choice(feature: Feature) -> FeatureChoice | None:
    """Returns the default preprocessing of a feature, or `None` if it must be specified explicitly."""
    if feature.labels:
        return Lookup(tuple(range(len(feature.labels))))
    if len(feature.shape) > 1 or feature.dtype in ("bytes", *COMPLEX):
        return None
    if feature.dtype == "string":
        return Lookup()
    return Passthrough() if feature.dtype == "bool" else Standardize()


def values_per_example(feature: Feature) -> int:
    """Returns the number of values of a feature in each example."""
    return math.prod(size or 0 for size in feature.shape)


class _WordCounts(TokenCounts):
    """Accumulator that counts the words in strings."""

    def update(self, documents: Any) -> None:
        super().update(split_words(documents[:, 0]).to_list())


def cast_to_float32() -> keras.Layer:
    """Returns a layer that casts numbers to float32."""
    return keras.layers.Rescaling(1.0, dtype="float32")


def _check_positive(name: str, value: Any) -> None:
    check(isinstance(value, int) and value > 0, name, value, "a positive integer")
