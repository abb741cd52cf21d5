"""Sampling of skip-grams: pairs of a token and a token of its context."""

import tensorflow as tf

from tensorsmith.core import Verbatim, check, is_number
from tensorsmith.core.types import Scalar, TensorLike


def skip_gram_sample(
    input_tensor: TensorLike,
    min_skips: Scalar = 1,
    max_skips: Scalar = 5,
    start: Scalar = 0,
    limit: Scalar = -1,
    emit_self_as_target: bool | tf.Tensor = False,
    vocab_freq_table: tf.lookup.StaticHashTable | None = None,
    vocab_min_count: Scalar | None = None,
    vocab_subsampling: float | None = None,
    corpus_size: Scalar | None = None,
    seed: int | None = None,
    name: str | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return pairs of tokens and labels, which are the tokens at a distance of at most a random window size.

    The window size of each token is drawn uniformly from `min_skips` to `max_skips`. With a table of frequencies,
    unknown and rare tokens are removed first, and frequent tokens are removed at random. Formula, for a token that is
    the fraction f of the corpus, and the threshold t:

        P(keep) = min((sqrt(f / t) + 1) t / f, 1)

    Source: Mikolov et al., "Efficient Estimation of Word Representations in Vector Space", 2013, and "Distributed
    Representations of Words and Phrases and their Compositionality", 2013 (subsampling, in the form of the program
    word2vec).

    Args:
        input_tensor: Tensor of shape `(tokens,)`, of strings or numbers.
        min_skips: Smallest window size, `>= 0`.
        max_skips: Largest window size, `>= min_skips`.
        start: Position of the first token to use, `>= 0`.
        limit: Largest number of tokens to use from there. If negative, all are used.
        emit_self_as_target: If `True`, each token is also a label of itself.
        vocab_freq_table: Table from tokens to their frequencies. Tokens with the default value of the table are
            removed.
        vocab_min_count: Smallest frequency of the tokens that are kept.
        vocab_subsampling: Threshold t in [0, 1] of the fraction of the corpus above which tokens are removed at random.
            If 0 or `None`, none are.
        corpus_size: Sum of the frequencies of all tokens of the corpus, which `vocab_subsampling` requires.
        seed: Seed of the random numbers, which are those of `tf.random.uniform`. The pairs differ from those that
            TensorFlow Addons draws with the same seed.
        name: Name scope of the operations.

    Returns:
        A tuple of tokens and labels, two tensors of shape `(pairs,)` with the dtype of `input_tensor`, in the order of
        the tokens and then of the labels.

    Raises:
        ValueError: If the tokens do not have rank 1, an argument that another one requires is missing, or
            `vocab_subsampling` is not in [0, 1].
        tf.errors.InvalidArgumentError: If `min_skips`, `max_skips` or `start` is out of range.

    Example:
        >>> tokens, labels = skip_gram_sample(["the", "quick", "brown", "fox"], min_skips=1, max_skips=1)
        >>> for token, label in zip(tokens.numpy(), labels.numpy()):
        ...     print(token.decode(), label.decode())
        the quick
        quick the
        quick brown
        brown quick
        brown fox
        fox brown
    """
    _check(vocab_freq_table, vocab_min_count, vocab_subsampling, corpus_size)
    with tf.name_scope(name or "skip_gram_sample"):
        tokens = tf.convert_to_tensor(input_tensor)
        check(tokens.shape.rank in (1, None), "input_tensor", Verbatim(tokens.shape), "have shape (tokens,)")
        if vocab_freq_table is not None:
            tokens, frequencies = _known(tokens, vocab_freq_table, vocab_min_count)
            if vocab_subsampling:
                tokens = _subsampled(tokens, frequencies, vocab_subsampling, corpus_size, seed)
        smallest, largest, start, limit = (
            tf.convert_to_tensor(each, tf.int32) for each in (min_skips, max_skips, start, limit)
        )
        tf.debugging.assert_non_negative(smallest, "min_skips must be >= 0")
        tf.debugging.assert_less_equal(smallest, largest, "min_skips must be <= max_skips")
        tf.debugging.assert_non_negative(start, "start must be >= 0")
        tokens = tokens[start:][: tf.where(limit < 0, tf.size(tokens), limit)]
        return _pairs(tokens, smallest, largest, emit_self_as_target, seed)


def _check(
    table: tf.lookup.StaticHashTable | None,
    min_count: Scalar | None,
    subsampling: float | None,
    corpus_size: Scalar | None,
) -> None:
    fits = table is None or isinstance(table, tf.lookup.StaticHashTable)
    check(fits, "vocab_freq_table", table, "a tf.lookup.StaticHashTable")
    needed = any(each is not None for each in (min_count, subsampling, corpus_size))
    remedy = "pass the frequencies that vocab_min_count, vocab_subsampling and corpus_size refer to"
    check(table is not None or not needed, "vocab_freq_table", table, "a tf.lookup.StaticHashTable", remedy)
    fits = (subsampling is None) == (corpus_size is None)
    check(fits, "corpus_size", corpus_size, "given if and only if `vocab_subsampling` is given")
    fits = subsampling is None or (is_number(subsampling) and 0 <= subsampling <= 1)
    check(fits, "vocab_subsampling", subsampling, "a number in [0, 1]")


def _known(
    tokens: tf.Tensor, table: tf.lookup.StaticHashTable, min_count: Scalar | None
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the tokens that are in the table and not too rare, and their frequencies."""
    frequencies = table.lookup(tokens)
    kept = frequencies != table.default_value
    if min_count is not None:
        kept &= frequencies >= tf.cast(min_count, frequencies.dtype)
    return tf.boolean_mask(tokens, kept), tf.boolean_mask(frequencies, kept)


def _subsampled(
    tokens: tf.Tensor, frequencies: tf.Tensor, threshold: float, corpus_size: Scalar, seed: int | None
) -> tf.Tensor:
    """Return the tokens without those that are removed at random."""
    relative = tf.cast(frequencies, tf.float64) / (threshold * tf.cast(corpus_size, tf.float64))
    probability = (tf.sqrt(relative) + 1) / relative
    return tf.boolean_mask(tokens, tf.random.uniform(tf.shape(tokens), dtype=tf.float64, seed=seed) <= probability)


def _pairs(
    tokens: tf.Tensor, smallest: tf.Tensor, largest: tf.Tensor, with_self: bool | tf.Tensor, seed: int | None
) -> tuple[tf.Tensor, tf.Tensor]:
    count = tf.size(tokens)
    windows = tf.random.uniform([count], smallest, largest + 1, tf.int32, seed=seed)[:, tf.newaxis]
    # Distances beyond all tokens are of no use, and would only take memory: (tokens, distances).
    widest = tf.minimum(largest, count)
    distances = tf.range(-widest, widest + 1)[tf.newaxis]
    positions = tf.range(count)[:, tf.newaxis] + distances
    used = (tf.abs(distances) <= windows) & (positions >= 0) & (positions < count)
    used &= tf.cast(with_self, tf.bool) | (distances != 0)
    pairs = tf.where(used)
    return tf.gather(tokens, pairs[:, 0]), tf.gather(tokens, tf.gather_nd(positions, pairs))
