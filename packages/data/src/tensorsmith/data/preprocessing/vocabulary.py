"""Layer that looks up tokens in a vocabulary."""

import copy
import math
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import argument_error, check, did_you_mean, export, plain
from tensorsmith.core.types import Dataset, NestedArrays, Tensor, TensorLike
from tensorsmith.data.preprocessing.statistics import TokenCounts
from tensorsmith.data.preprocessing.tf_idf import FORMULAS, idf_weights

KEYS = ("string", "int64")
ORDERS = ("first", "last")
OUTPUTS = ("int", "one_hot", "multi_hot", "count", "tf_idf")


@export
class Vocabulary(keras.layers.Layer):
    """Layer that maps tokens to indices, and out-of-vocabulary tokens to buckets by hashing.

    The buckets have the first indices, as in `keras.layers.StringLookup`, or the last ones, as in
    `tf.lookup.StaticVocabularyTable`, which Keras layers do not support. In both cases, the bucket of a token is its
    fingerprint (`tf.strings.to_hash_bucket_fast`; for an integer, that of its decimal digits) modulo the number of
    buckets. `keras.layers.IntegerLookup` differs, as it uses the integer itself modulo the number of buckets.

    Formula, for the token at index `i` of a vocabulary of size `n`, after `r` reserved tokens:

        oov="first":  r + oov_buckets + i,  or r + fingerprint mod oov_buckets
        oov="last":   r + i,                or r + n + fingerprint mod oov_buckets

    The vocabulary is part of the config and is therefore saved with the model. To omit padding, use a
    `tf.RaggedTensor`, or reserve the padding token.

    Args:
        vocabulary: Vocabulary tokens without duplicates. If `None`, the vocabulary is computed by `adapt`.
        oov_buckets: Number of out-of-vocabulary buckets, at least 1.
        oov: Position of the out-of-vocabulary indices: "first" (before the indices of the vocabulary) or "last".
        output: Output format: "int" for indices; "one_hot" for a one-hot vector per token; "multi_hot", "count" or
            "tf_idf" for a single vector over the tokens of the last axis, with the presence, count or TF-IDF of each
            vocabulary token.
        formula: Formula with which `adapt` computes the inverse document frequency (IDF) if `output` is "tf_idf":
            "keras" or "inverse_log". See `idf_weights`.
        idf_weights: Inverse document frequency (IDF) of each token in the vocabulary, used if `output` is "tf_idf".
            Out-of-vocabulary buckets use the mean of these weights, as in Keras.
        limit: Maximum number of tokens in a vocabulary computed by `adapt`, excluding the out-of-vocabulary buckets.
        keys: Dtype of the tokens: "string" or "int64". Other integer dtypes are cast to int64.
        reserved: Tokens with the indices 0, 1, ..., such as `["", "[START]", "[END]"]`, which `adapt` does not count.
            Vectors contain no reserved tokens: their entries are 0.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`. `dtype` is the dtype of the outputs unless
            `output` is "int".

    Call arguments:
        inputs: A tensor or `tf.RaggedTensor` of strings or integers.

    Input shape:
        Any shape for "int" and "one_hot"; `(batch, tokens)` otherwise.

    Output shape:
        Same shape as the input for "int", with dtype int64. For "one_hot", an axis of size `size`, the number of tokens
        and buckets, is appended to it, replacing a last axis of size 1. Otherwise `(batch, size)`.

    Raises:
        ValueError: If an argument is invalid, or if the layer is called before a vocabulary is available.

    Example:
        >>> import tensorflow as tf
        >>> layer = Vocabulary(["<1H OCEAN", "INLAND", "NEAR OCEAN", "NEAR BAY", "ISLAND"], oov_buckets=2, oov="last")
        >>> print(layer(tf.constant(["NEAR BAY", "DESERT", "INLAND"])).numpy())
        [3 5 1]
        >>> layer = Vocabulary(output="count", oov="last")
        >>> layer.adapt(tf.constant([["more", "more"], ["and", "more"]]))
        >>> layer.vocabulary, layer(tf.constant([["more", "and", "more", "?"]])).numpy().tolist()
        (['more', 'and'], [[2.0, 1.0, 1.0]])
    """

    def __init__(
        self,
        vocabulary: Iterable[str] | Iterable[int] | None = None,
        oov_buckets: int = 1,
        oov: str = "first",
        output: str = "int",
        formula: str = "keras",
        idf_weights: Sequence[float] | None = None,
        limit: int | None = None,
        keys: str = "string",
        reserved: Sequence[str] | Sequence[int] = (),
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        for name, value, known in (
            ("oov", oov, ORDERS),
            ("output", output, OUTPUTS),
            ("formula", formula, FORMULAS),
            ("keys", keys, KEYS),
        ):
            check(value in known, name, value, " or ".join(map(repr, known)), did_you_mean(str(value), known))
        oov_buckets, limit = plain(oov_buckets), plain(limit)
        check(type(oov_buckets) is int and oov_buckets > 0, "oov_buckets", oov_buckets, "a positive integer")
        check(limit is None or (isinstance(limit, int) and limit > 0), "limit", limit, "a positive integer or None")
        self.supports_jit = False  # XLA does not support lookup tables
        self.oov_buckets, self.oov, self.output_mode, self.formula = oov_buckets, oov, output, formula
        self.limit, self.keys = limit, keys
        self.reserved = self._tokens("reserved", reserved)
        self._counts = TokenCounts()  # of all data since the last reset
        self.vocabulary: list[Any] | None = None
        self.idf_weights: list[float] | None = None
        if vocabulary is not None:
            self._take(list(vocabulary), idf_weights)

    @property
    def size(self) -> int:
        """Number of indices, including those of reserved tokens and of the out-of-vocabulary buckets."""
        return len(self.reserved) + len(self._known()) + self.oov_buckets

    def adapt(self, data: NestedArrays | Dataset, reset: bool = True) -> None:
        """Computes a new vocabulary from data, with the most frequent tokens first, and replaces the old one.

        Call it before compiling or tracing the model. Counts are exact for up to 1,000,000 distinct tokens; see
        `TokenCounts`.

        Args:
            data: Tensor or array with documents along the first axis, or a `tf.data.Dataset` of batches.
            reset: If `True`, previous counts are discarded. If `False`, the vocabulary is that of the previous data and
                the new data together.

        Raises:
            ValueError: If `data` has no tokens, or contains strings that are not valid UTF-8, or if `reset` is `False`
                before the first call of `adapt`, which a loaded layer has not had.
        """
        if not reset:
            remedy = "adapt the layer to all data at once"
            check(self._counts.documents > 0, "reset", reset, "True for a layer that has not been adapted", remedy)
        counts = TokenCounts() if reset else copy.deepcopy(self._counts)
        for batch in data if isinstance(data, tf.data.Dataset) else [data]:
            counts.update(rows_of_tokens(batch))
        reserved = {token.encode() if isinstance(token, str) else token for token in self.reserved}
        limit = None if self.limit is None else self.limit + len(reserved)
        tokens = [token for token in counts.most_frequent(limit) if token not in reserved][: self.limit]
        check(bool(tokens), "data", data, "contain at least one token")
        self._counts = counts
        weights = idf_weights([counts.document_counts[token] for token in tokens], counts.documents, self.formula)
        self._take([as_text(token) for token in tokens], weights.tolist() if self.output_mode == "tf_idf" else None)

    def _tokens(self, name: str, given: Iterable[Any]) -> list[Any]:
        """Returns tokens as a list of Python strings or integers, which a config can hold."""
        kind: Any = str if self.keys == "string" else int
        tokens = [token.item() if hasattr(token, "item") else token for token in given]
        fits = not isinstance(given, str) and all(isinstance(token, kind) for token in tokens)
        fits = fits and len(set(tokens)) == len(tokens)
        check(fits, name, tokens, f"a sequence of distinct tokens of type {kind.__name__}")
        return tokens

    def _take(self, given: list[Any], weights: Sequence[float] | None) -> None:
        vocabulary = self._tokens("vocabulary", given)
        check(bool(vocabulary), "vocabulary", vocabulary, "contain at least one token")
        twice = sorted({*vocabulary} & {*self.reserved})
        check(not twice, "vocabulary", twice, "contain no reserved tokens")
        weighted = self.output_mode == "tf_idf"
        fits = (weights is not None and len(weights) == len(vocabulary)) if weighted else weights is None
        expected = "a sequence of numbers, one for each token" if weighted else 'None unless `output` is "tf_idf"'
        check(
            fits,
            "idf_weights",
            weights,
            expected,
            "alternatively, omit `vocabulary` and call `adapt`" if weighted else "",
        )
        self.vocabulary = vocabulary
        self.idf_weights = None if weights is None else [float(weight) for weight in weights]
        with tf.init_scope():
            keys = tf.constant([*self.reserved, *vocabulary], self.keys)
            first = len(self.reserved)
            numbers = tf.range(len(keys), dtype=tf.int64)
            if self.oov_buckets > 1:
                initializer = tf.lookup.KeyValueTensorInitializer(keys, numbers)
                self._table = tf.lookup.StaticVocabularyTable(initializer, self.oov_buckets)
            else:  # a table with a default is faster than one that also hashes each token to choose its bucket
                shift = int(self.oov == "first")
                numbers = tf.where(numbers < first, numbers, numbers + shift)
                initializer = tf.lookup.KeyValueTensorInitializer(keys, numbers)
                self._table = tf.lookup.StaticHashTable(initializer, first if shift else len(keys))

    def _known(self) -> list[Any]:
        if self.vocabulary is None:
            raise argument_error(
                "vocabulary",
                None,
                "set before the layer is called",
                f"call the `adapt` method of {self.name!r}, or pass `vocabulary`",
            )
        return self.vocabulary

    def call(self, inputs: Tensor) -> Tensor:
        """Maps the tokens to indices, or to vectors such as one-hot encodings."""
        size = self.size
        tokens = inputs if isinstance(inputs, tf.RaggedTensor) else tf.convert_to_tensor(inputs)
        texts = tokens.dtype == tf.string
        fits = texts == (self.keys == "string") and (texts or tokens.dtype.is_integer or tokens.dtype.is_bool)
        check(
            fits,
            "inputs",
            tokens.dtype.name,
            "a tensor of strings" if self.keys == "string" else "a tensor of integers",
        )
        numbers = self._table.lookup(tokens if texts else tf.cast(tokens, tf.int64))
        if self.oov == "first" and self.oov_buckets > 1:
            # Rotate the indices after the reserved ones, so that the buckets come first.
            first = len(self.reserved)
            rotated = first + (numbers - first + self.oov_buckets) % (size - first)
            numbers = tf.where(numbers < first, numbers, rotated) if first else rotated
        if self.output_mode == "int":
            return numbers
        if self.output_mode == "one_hot":
            alone = numbers.shape.rank > 1 and numbers.shape[-1] == 1
            return tf.one_hot(numbers[..., 0] if alone else numbers, size, dtype=self.compute_dtype)
        expected = "have shape (batch, tokens)"
        check(numbers.shape.rank == 2, "inputs", tuple(numbers.shape), expected, "pass single tokens as a column")
        binary = self.output_mode == "multi_hot"
        counts = tf.math.bincount(numbers, minlength=size, maxlength=size, axis=-1, binary_output=binary)
        vectors = tf.cast(tf.ensure_shape(counts, (numbers.shape[0], size)), self.compute_dtype)
        if self.reserved:
            vectors *= tf.cast(tf.range(size) >= len(self.reserved), vectors.dtype)
        return vectors if self.idf_weights is None else vectors * tf.constant(self._factors(), self.compute_dtype)

    def _factors(self) -> list[float]:
        weights = self.idf_weights or []
        # Out-of-vocabulary buckets use the mean weight, as in `keras.layers.TextVectorization`.
        buckets = [sum(weights) / len(weights)] * self.oov_buckets
        return [0.0] * len(self.reserved) + (buckets + weights if self.oov == "first" else weights + buckets)

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer, including the vocabulary that `adapt` computed."""
        return {
            **super().get_config(),
            "vocabulary": self.vocabulary,
            "oov_buckets": self.oov_buckets,
            "oov": self.oov,
            "output": self.output_mode,
            "formula": self.formula,
            "idf_weights": self.idf_weights,
            "limit": self.limit,
            "keys": self.keys,
            "reserved": self.reserved,
        }


def rows_of_tokens(batch: TensorLike | tf.RaggedTensor) -> list[list[Any]]:
    """Returns a list of tokens for each document in a batch. Strings are returned as bytes.

    Raises:
        ValueError: If the batch has no axis of documents.
    """
    if isinstance(batch, tf.RaggedTensor):
        rows: list[list[Any]] = batch.to_list()
        return rows
    tokens = tf.convert_to_tensor(batch)
    check(tokens.shape.rank > 0, "data", batch, "contain documents along a batch axis", "call `dataset.batch`")
    flat: list[list[Any]] = tf.reshape(tokens, (len(tokens), math.prod(tokens.shape[1:]))).numpy().tolist()
    return flat


def as_text(token: str | bytes | int) -> Any:
    """Returns a token as a JSON-serializable value, with bytes decoded to `str`.

    Raises:
        ValueError: If the bytes are not valid UTF-8.
    """
    try:
        return token.decode() if isinstance(token, bytes) else token
    except UnicodeDecodeError:
        raise argument_error(
            "token", token, "valid UTF-8", "use hashing instead of a vocabulary for tokens that are not text"
        ) from None
