"""BLEU of a corpus."""

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
    """How much translations share with those of humans: words, pairs of words, and so on, over a whole corpus.

    Formula, with p_n the part of the translations' n-grams that references have, in one of them each at most as often,
    c the translations' length and r that of the references, of which the nearest in length counts, the shorter of two:

        value = min(1, exp(1 - r / c)) * (p_1 * ... * p_N)^(1 / N)

    Counts are added up over all sentences, as the paper does; the mean of sentences' values would be another. It is 0
    if translations share nothing of some order, or nothing was seen; and between 0 and 1, not 100 as sacrebleu prints.

    Sentences are strings, whose words stand between spaces (so split off punctuation first: results of different
    tokenizers cannot be compared), or rows of word numbers, filled up with 0.

    Source: Papineni et al., "BLEU: a Method for Automatic Evaluation of Machine Translation", 2002.

    Args:
        max_order: Length of the longest n-grams, N.
        name: Name of the metric.
        dtype: Precision of the result; `None` means Keras' default float. Counts are kept in float64.

    Call arguments:
        y_true: References: one for each sentence, or several, filled up with empty ones.
        y_pred: Translations.
        sample_weight: Optional weights, one a sentence.

    Input shape:
        Of strings `(batch,)` or `(batch, references)`, and `(batch,)`; of numbers `(batch, time)` or
        `(batch, references, time)`, and `(batch, time)`, the times being any.

    Output shape:
        A scalar.

    Raises:
        ValueError: `max_order` is no positive integer, or the shapes do not fit.

    Example:
        >>> metric = BLEU(max_order=2)
        >>> metric.update_state([["the cat is on the mat", "a cat sat there"]], ["the cat sat"])
        >>> round(float(metric.result()), 4)  # nearest in length is 4: exp(1 - 4 / 3) * sqrt(3 / 3 * 2 / 2)
        0.7165
    """

    def __init__(self, max_order: int = 4, name: str = "bleu", dtype: DType | None = None):
        check_count("max_order", max_order)
        super().__init__(name=name, dtype=dtype)
        self.max_order = max_order
        self.matches = self.add_variable((max_order,), "zeros", dtype=STATE, name="matches")
        self.possible = self.add_variable((max_order,), "zeros", dtype=STATE, name="possible")
        # Of translations and of references.
        self.lengths = self.add_variable((2,), "zeros", dtype=STATE, name="lengths")

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Takes in one batch."""
        found, references = _words(y_pred), _words(y_true)
        if len(references.shape) == len(found.shape):
            references = references[:, None]
        shapes = f"{tuple(references.shape)} for translations of {tuple(found.shape)}"
        fits = len(found.shape) == 2 and len(references.shape) == 3
        fits = fits and references.shape[:1].is_compatible_with(found.shape[:1])
        check(fits, "y_true", shapes, "one reference or several for each translation")
        length, reference_length = _lengths(found, references)
        weights = weights_of(length, sample_weight, None)
        self.lengths.assign_add(ops.stack([ops.sum(weights * length), ops.sum(weights * reference_length)]))
        orders = range(1, self.max_order + 1)
        matches = [ops.sum(weights * _matches(found, references, order)) for order in orders]
        possible = [ops.sum(weights * ops.maximum(length - order + 1, 0)) for order in orders]
        self.matches.assign_add(ops.stack(matches))
        self.possible.assign_add(ops.stack(possible))

    def result(self) -> Tensor:
        """The score."""
        precisions = ops.divide_no_nan(self.matches, self.possible)
        length, reference_length = ops.unstack(self.lengths)
        brevity = ops.exp(ops.minimum(1 - ops.divide_no_nan(reference_length, length), 0.0))
        # The logarithm of 0 is minus infinity, and its exponential 0 again.
        return ops.cast(brevity * ops.exp(ops.mean(ops.log(precisions))), self.dtype)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {**super().get_config(), "max_order": self.max_order}


def _words(sentences: TensorLike) -> Tensor:
    """Word numbers as they are, and strings split into words, both filled up with what is no word."""
    sentences = ops.convert_to_tensor(sentences)
    if sentences.dtype != tf.string:  # keras.ops has no strings
        return ops.cast(sentences, "int64")
    # As one list, since a nested one that is empty does not become a tensor.
    words = tf.strings.split(tf.reshape(sentences, [-1])).to_tensor()
    return tf.reshape(words, tf.concat([tf.shape(sentences), tf.shape(words)[1:]], axis=0))


def _there(words: Tensor) -> Tensor:
    """Whether there is a word."""
    return words != ("" if words.dtype == tf.string else 0)


def _lengths(found: Tensor, references: Tensor) -> tuple[Tensor, Tensor]:
    """Lengths of the translations and of the references nearest to them, of which empty ones are not there."""
    length, others = (ops.sum(ops.cast(_there(words), STATE), axis=-1) for words in (found, references))
    # Half a word more for the longer ones makes the shorter of two that are equally near come first.
    gaps = ops.abs(others - length[:, None]) + 0.5 * ops.cast(others > length[:, None], STATE)
    nearest = ops.argmin(ops.where(others > 0, gaps, float("inf")), axis=-1)
    return length, ops.take_along_axis(others, nearest[:, None], axis=1)[:, 0]


def _matches(found: Tensor, references: Tensor, order: int) -> Tensor:
    """How many n-grams of each translation its references have, each at most as often as one reference does."""
    own, exist = _grams(found, order)
    others, others_exist = _grams(references, order)
    times = _times(own[:, :, None] == own[:, None], exist[:, None])
    in_references = _times(own[:, None, :, None] == others[:, :, None], others_exist[:, :, None])
    allowed = ops.max(in_references, axis=1, initial=0.0)
    # An n-gram that comes several times has its share at each of its places.
    shares = ops.where(exist, ops.minimum(allowed / ops.maximum(times, 1.0), 1.0), 0.0)
    return ops.round(ops.sum(shares, axis=-1))


def _grams(words: Tensor, order: int) -> tuple[Tensor, Tensor]:
    """The n-grams that begin at each word, `(..., time, order)`, and whether they are whole."""
    blank = "" if words.dtype == tf.string else 0
    more = tf.fill(tf.concat([tf.shape(words)[:-1], [order]], 0), tf.constant(blank, words.dtype))
    words, count = tf.concat([words, more], -1), tf.shape(words)[-1]
    grams = tf.stack([words[..., start : start + count] for start in range(order)], axis=-1)
    return grams, ops.all(_there(grams), axis=-1)


def _times(equal: Tensor, exist: Tensor) -> Tensor:
    """How often each n-gram is among others, given which words are equal, and which of the others there are."""
    return ops.sum(ops.cast(ops.logical_and(ops.all(equal, axis=-1), exist), STATE), axis=-1)
