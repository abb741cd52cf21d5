"""Corpus-level BLEU score, a metric of translation quality."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from tensorsmith.core import check, export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.counts import check_count
from tensorsmith.metrics._support.weighting import STATE, weights_of


@export
class BLEU(keras.metrics.Metric):
    """Corpus-level BLEU score of translations, given as strings or word indices.

    Formula, with the modified n-gram precision p_n, the total length c of the translations, and the total length r of
    the references, each being the reference closest in length, or the shorter of two equally close ones:

        value = min(1, exp(1 - r / c)) * (p_1 * ... * p_N)^(1 / N)

    The modified precision is the fraction of n-grams of the translations that occur in a reference, counting each
    n-gram at most as often as it occurs in one of the references.

    Counts are summed over all sentences, as in the paper; the mean of the scores of sentences would be a different
    value. The result is 0 if there are no matches of some order, or before the first update. It is between 0 and 1, not
    100 as printed by sacrebleu.

    Sentences are strings whose words are separated by spaces, or rows of word indices padded with 0. Separate
    punctuation from words first; the scores of different tokenizers are not comparable.

    Source: Papineni et al., "BLEU: a Method for Automatic Evaluation of Machine Translation", 2002.

    Args:
        max_order: Maximum n-gram order N.
        name: Name of the metric instance.
        dtype: Data type of the result. If `None`, `keras.config.floatx()` is used. Counts are accumulated in `float64`.

    Call arguments:
        y_true: References, one or several per sentence, padded with empty ones.
        y_pred: Translations.
        sample_weight: Optional weights, one per sentence.

    Input shape:
        `y_true`: `(batch,)` or `(batch, references)` for strings, `(batch, time)` or `(batch, references, time)` for
        word indices. `y_pred`: `(batch,)` for strings, `(batch, time)` for word indices. The numbers of time steps may
        differ.

    Output shape:
        A scalar.

    Raises:
        ValueError: If `max_order` is not a positive integer, or the shapes do not match.

    Example:
        >>> metric = BLEU(max_order=2)
        >>> metric.update_state([["the cat is on the mat", "a cat sat there"]], ["the cat sat"])
        >>> round(float(metric.result()), 4)  # closest length is 4: exp(1 - 4 / 3) * sqrt(3 / 3 * 2 / 2)
        0.7165
    """

    def __init__(self, max_order: int = 4, name: str = "bleu", dtype: DType | None = None):
        check_count("max_order", max_order)
        super().__init__(name=name, dtype=dtype)
        self.max_order = max_order
        self.matches = self.add_variable((max_order,), "zeros", dtype=STATE, name="matches")
        self.possible = self.add_variable((max_order,), "zeros", dtype=STATE, name="possible")
        # Total lengths of translations and of references.
        self.lengths = self.add_variable((2,), "zeros", dtype=STATE, name="lengths")

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Update the state with one batch."""
        found, references = _words(y_pred), _words(y_true)
        if len(references.shape) == len(found.shape):
            # A single reference per sentence: (batch, 1, words).
            references = references[:, None]
        shapes = f"{tuple(references.shape)} for translations of shape {tuple(found.shape)}"
        fits = len(found.shape) == 2 and len(references.shape) == 3
        fits = fits and references.shape[:1].is_compatible_with(found.shape[:1])
        check(fits, "y_true", shapes, "have shape (batch, references, words) for translations of shape (batch, words)")
        length, reference_length = _lengths(found, references)
        weights = weights_of(length, sample_weight, None)
        self.lengths.assign_add(ops.stack([ops.sum(weights * length), ops.sum(weights * reference_length)]))
        orders = range(1, self.max_order + 1)
        matches = [ops.sum(weights * _matches(found, references, order)) for order in orders]
        # A sentence of n words has n - order + 1 n-grams.
        possible = [ops.sum(weights * ops.maximum(length - order + 1, 0)) for order in orders]
        self.matches.assign_add(ops.stack(matches))
        self.possible.assign_add(ops.stack(possible))

    def result(self) -> Tensor:
        """Return the BLEU score."""
        # Geometric mean of the n-gram precisions, times the brevity penalty.
        precisions = ops.divide_no_nan(self.matches, self.possible)
        length, reference_length = ops.unstack(self.lengths)
        brevity = ops.exp(ops.minimum(1 - ops.divide_no_nan(reference_length, length), 0.0))
        # A precision of 0 gives exp(-inf) = 0.
        return ops.cast(brevity * ops.exp(ops.mean(ops.log(precisions))), self.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the metric."""
        return {**super().get_config(), "max_order": self.max_order}


def _words(sentences: TensorLike) -> Tensor:
    """Return token ids unchanged, and split strings into words, padded with empty strings."""
    sentences = ops.convert_to_tensor(sentences)
    if sentences.dtype != tf.string:  # keras.ops does not support strings
        return ops.cast(sentences, "int64")
    # Flattened, because an empty nested ragged tensor cannot be converted to a tensor.
    words = tf.strings.split(tf.reshape(sentences, [-1])).to_tensor()
    return tf.reshape(words, tf.concat([tf.shape(sentences), tf.shape(words)[1:]], axis=0))


def _there(words: Tensor) -> Tensor:
    """Return a boolean mask that is `True` for words and `False` for padding."""
    return words != ("" if words.dtype == tf.string else 0)


def _lengths(found: Tensor, references: Tensor) -> tuple[Tensor, Tensor]:
    """Return the lengths of the translations and of their closest non-empty references."""
    length, others = (ops.sum(ops.cast(_there(words), STATE), axis=-1) for words in (found, references))
    # Adding half a word to longer references prefers the shorter of two equally close ones.
    gaps = ops.abs(others - length[:, None]) + 0.5 * ops.cast(others > length[:, None], STATE)
    nearest = ops.argmin(ops.where(others > 0, gaps, float("inf")), axis=-1)
    return length, ops.take_along_axis(others, nearest[:, None], axis=1)[:, 0]


def _matches(found: Tensor, references: Tensor, order: int) -> Tensor:
    """Return the clipped number of n-grams in each translation that also occur in its references."""
    own, exist = _grams(found, order)
    others, others_exist = _grams(references, order)
    # Occurrences of each n-gram in its own translation: (batch, words).
    times = _times(own[:, :, None] == own[:, None], exist[:, None])
    # Occurrences in each reference: (batch, references, words).
    in_references = _times(own[:, None, :, None] == others[:, :, None], others_exist[:, :, None])
    allowed = ops.max(in_references, axis=1, initial=0.0)
    # Distribute the clipped count of a repeated n-gram evenly over its occurrences.
    shares = ops.where(exist, ops.minimum(allowed / ops.maximum(times, 1.0), 1.0), 0.0)
    # The sum is an integer apart from rounding errors.
    return ops.round(ops.sum(shares, axis=-1))


def _grams(words: Tensor, order: int) -> tuple[Tensor, Tensor]:
    """Return the n-grams that start at each word, of shape `(..., time, order)`, and a mask of complete n-grams."""
    blank = "" if words.dtype == tf.string else 0
    more = tf.fill(tf.concat([tf.shape(words)[:-1], [order]], 0), tf.constant(blank, words.dtype))
    # Padding gives n-grams of full length at the end of a sentence. The mask below excludes them.
    words, count = tf.concat([words, more], -1), tf.shape(words)[-1]
    grams = tf.stack([words[..., start : start + count] for start in range(order)], axis=-1)
    return grams, ops.all(_there(grams), axis=-1)


def _times(equal: Tensor, exist: Tensor) -> Tensor:
    """Return the frequency of each n-gram, given the word equality matrix and an n-gram mask."""
    return ops.sum(ops.cast(ops.logical_and(ops.all(equal, axis=-1), exist), STATE), axis=-1)
