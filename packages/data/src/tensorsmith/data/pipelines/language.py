"""Examples for the pretraining of language models: masked tokens, and pairs of sentences."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from tensorsmith.core import Verbatim, check, is_number
from tensorsmith.core.types import Tensor
from tensorsmith.data.pipelines.arguments import check_seed, check_whole

IGNORED = -1
"""Target of tokens that are not predicted, for `ignore_class` of a loss."""

Sentence = TypeVar("Sentence")


def mask_tokens(
    seed: Tensor, tokens: Tensor, *, mask: int, vocabulary_size: int, special: int = 4, rate: float = 0.15
) -> tuple[Tensor, Tensor]:
    """Selects random tokens for masked language modeling, and hides most of them.

    Of the selected tokens, 80 % are replaced by a mask, 10 % by a random token, and 10 % are not changed, so that a
    model cannot know which tokens are right. It is a function for `map_with_seed`.

    Source: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding", 2019.

    Args:
        seed: Integer tensor of shape `(2,)`, as for TensorFlow's stateless random functions.
        tokens: Integer tensor of any shape.
        mask: Token that replaces others.
        vocabulary_size: Number of tokens in the vocabulary.
        special: Number of special tokens, from 0, which are neither selected nor random replacements.
        rate: Probability to select a token, in (0, 1).

    Returns:
        The tokens with replacements, and the targets: the original tokens where they were selected, and -1 elsewhere,
        for `ignore_class=-1` of a loss.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> import tensorflow as tf
        >>> tokens = tf.constant([2, 10, 11, 12, 13, 14, 3, 0])
        >>> masked, targets = mask_tokens([3, 7], tokens, mask=1, vocabulary_size=100, rate=0.5)
        >>> bool(tf.reduce_all(tf.where(targets >= 0, targets, masked) == tokens))
        True
    """
    import tensorflow as tf

    check_whole("mask", mask, least=0)
    check_whole("special", special, least=0)
    check_whole("vocabulary_size", vocabulary_size, least=special + 1)
    check(is_number(rate) and 0 < rate < 1, "rate", rate, "a number in (0, 1)")
    tokens = tf.convert_to_tensor(tokens)
    check(tokens.dtype.is_integer, "tokens", Verbatim(tokens.dtype.name), "have an integer dtype")
    shape = tf.shape(tokens)
    seeds = tf.unstack(tf.random.split(tf.cast(seed, tf.int32), 3), num=3)
    selected = (tf.random.stateless_uniform(shape, seeds[0]) < rate) & (tokens >= special)
    kind = tf.random.stateless_uniform(shape, seeds[1])
    drawn = tf.cast(tf.random.stateless_uniform(shape, seeds[2], special, vocabulary_size, tf.int32), tokens.dtype)
    replacements = tf.where(kind < 0.8, tf.constant(mask, tokens.dtype), tf.where(kind < 0.9, drawn, tokens))
    return tf.where(selected, replacements, tokens), tf.where(selected, tokens, tf.constant(IGNORED, tokens.dtype))


class SentencePairs(NamedTuple):
    """Pairs of sentences, the result of `next_sentence_pairs`.

    Attributes:
        first: List of sentences.
        second: List of as many sentences.
        follows: int32 array that is 1 where the second sentence follows the first one in its document, and 0 where it
            is a sentence of another document.
    """

    first: list
    second: list
    follows: np.ndarray


def next_sentence_pairs(documents: Sequence[Sequence[Sentence]], seed: int | None = None) -> SentencePairs:
    """Pairs the sentences of documents with the next ones, or with random sentences of other documents.

    There is a pair for each sentence of a document but the last one. The probability of the next sentence is 1/2.

    Source: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding", 2019.

    Args:
        documents: Sequence of at least two documents, which are sequences of sentences: strings or tokens. Empty
            documents have no pairs.
        seed: Random seed. If `None`, the pairs differ in each call.

    Returns:
        A `SentencePairs` tuple, in the order of the documents.

    Raises:
        ValueError: If there are less than two documents with sentences, or `seed` is invalid.

    Example:
        >>> pairs = next_sentence_pairs([["a", "b", "c"], ["x", "y"]], seed=0)
        >>> list(zip(pairs.first, pairs.second, pairs.follows.tolist()))
        [('a', 'x', 0), ('b', 'c', 1), ('x', 'y', 1)]
    """
    check_seed(seed)
    counts = np.array([len(document) for document in documents], dtype=np.int64)
    sentences = [sentence for document in documents for sentence in document]
    filled = int(np.count_nonzero(counts))
    check(filled >= 2, "documents", Verbatim(f"{filled} with sentences"), "at least two with sentences")
    generator = np.random.default_rng(seed)
    starts = np.cumsum(counts) - counts
    pairs = np.maximum(counts - 1, 0)
    document = np.repeat(np.arange(len(counts)), pairs)
    # Indices of the first sentences: all but the last one of each document.
    first = np.arange(len(document)) - np.repeat(np.cumsum(pairs) - pairs, pairs) + starts[document]
    follows = generator.random(len(first)) < 0.5
    # A sentence of another document: its index among the sentences without those of this document.
    drawn = generator.integers(0, len(sentences) - counts[document])
    other = np.where(drawn < starts[document], drawn, drawn + counts[document])
    second = np.where(follows, first + 1, other)
    return SentencePairs([sentences[i] for i in first], [sentences[i] for i in second], follows.astype(np.int32))
