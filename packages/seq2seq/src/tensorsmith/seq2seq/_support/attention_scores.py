"""Scores of attention mechanisms, and the functions that turn them into attention weights."""

from collections.abc import Callable

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, check, did_you_mean, is_integer
from tensorsmith.core.types import DType, Tensor
from tensorsmith.seq2seq.hardmax import hardmax

PROBABILITIES: dict[str, Callable[[Tensor], Tensor]] = {"softmax": tf.nn.softmax, "hardmax": hardmax}


def probability_function(name: str) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the function of scores and the previous state with a name, which does not use the state."""
    expected, remedy = 'one of "softmax" and "hardmax"', did_you_mean(str(name), PROBABILITIES)
    check(isinstance(name, str) and name in PROBABILITIES, "probability_fn", name, expected, remedy)
    function = PROBABILITIES[name]
    return lambda score, state: function(score)


def projection(name: str, given: keras.Layer | None, units: int, dtype: DType | None) -> keras.Layer:
    """Return a layer for queries or memories: the given one, or a dense layer without bias."""
    check(is_integer(units) and units > 0, "units", units, "a positive integer")
    return given if given is not None else keras.layers.Dense(int(units), use_bias=False, dtype=dtype, name=name)


def multiplicative_score(query: Tensor, keys: Tensor, scale: Tensor | None) -> Tensor:
    """Return the products of queries and keys (Luong et al., 2015).

    Args:
        query: Tensor of shape `(batch, units)`.
        keys: Tensor of shape `(batch, positions, units)`.
        scale: Scalar factor, or `None`.

    Raises:
        ValueError: If queries and keys have different sizes.
    """
    size, units = query.shape[-1], keys.shape[-1]
    remedy = f"pass units={size} to the mechanism, or project the query"
    check(size == units, "query", Verbatim(query.shape), f"have shape (batch, {units}) to match the keys", remedy)
    score = tf.squeeze(tf.matmul(query[:, tf.newaxis], keys, transpose_b=True), 1)
    return score if scale is None else scale * score


def additive_score(
    query: Tensor, keys: Tensor, vector: Tensor, gain: Tensor | None = None, bias: Tensor | None = None
) -> Tensor:
    """Return the scores of a network with one hidden layer for queries and keys (Bahdanau et al., 2015).

    Args:
        query: Tensor of shape `(batch, units)`.
        keys: Tensor of shape `(batch, positions, units)`.
        vector: Tensor of shape `(units,)`, the output weights.
        gain: Norm to which the vector is scaled, a scalar, or `None`.
        bias: Tensor of shape `(units,)`, or `None`.

    Raises:
        ValueError: If queries and keys have different sizes.
    """
    size, units = query.shape[-1], keys.shape[-1]
    check(size == units, "query", Verbatim(query.shape), f"have shape (batch, {units}) to match the keys")
    hidden = keys + query[:, tf.newaxis]
    if gain is not None:
        vector = gain * vector * tf.math.rsqrt(tf.reduce_sum(tf.square(vector)))
    return tf.reduce_sum(vector * tf.tanh(hidden if bias is None else hidden + bias), axis=-1)
