"""Generation of sequences, one token after another."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tensorsmith.core import check, is_integer
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.seq2seq._support.prompts import checked_prompt
from tensorsmith.seq2seq._support.types import Choose, State, Step
from tensorsmith.seq2seq.choices import greedy


class Decoded(NamedTuple):
    """Generated sequences.

    Attributes:
        tokens: int32 tensor of shape `(batch, length)`. After the end of a sequence, all tokens are `end`.
        lengths: int32 tensor of shape `(batch,)` with the number of tokens of each sequence, including `end`.
    """

    tokens: Tensor
    lengths: Tensor


def decode(
    step: Step,
    state: State,
    prompt: TensorLike,
    length: int,
    choose: Choose = greedy,
    end: int | None = None,
) -> Decoded:
    """Generate sequences that continue a prompt.

    The model is a function of the last tokens and a state, for example of `recurrent_step` or `window_step`. It works
    in eager execution and in graphs.

    Args:
        step: Function that takes int32 tokens of shape `(batch,)` and a state, and returns the logits of the next
            tokens, of shape `(batch, vocabulary)`, and the new state, with the same structure, shapes and dtypes.
        state: Initial state, a tensor or a nested structure of tensors.
        prompt: Integer tensor of shape `(batch, tokens)` with at least one token, such as one that marks the start.
        length: Number of tokens to generate.
        choose: Function that takes logits and the number of tokens that have been generated, and returns the next
            tokens: `greedy`, or the result of `temperature_sampling`.
        end: Token that ends a sequence. If `None`, sequences do not end. Generation stops if all have ended.

    Returns:
        A `Decoded` tuple.

    Raises:
        ValueError: If `prompt`, `length` or `end` is invalid.

    Example:
        >>> import tensorflow as tf
        >>> from tensorsmith.seq2seq import decode
        >>> def next_number(tokens, state):  # the next number of 10 is the most probable one
        ...     return tf.one_hot((tokens + 1) % 10, 10), state
        >>> decode(next_number, state=(), prompt=[[3], [7]], length=4).tokens.numpy().tolist()
        [[4, 5, 6, 7], [8, 9, 0, 1]]
    """
    check(is_integer(length) and length > 0, "length", length, "a positive integer")
    check(end is None or (is_integer(end) and end >= 0), "end", end, "a non-negative integer or None")
    prompt = checked_prompt(prompt)
    logits, state = _read(step, state, prompt)
    batch = tf.shape(prompt)[0]
    ended = tf.zeros([batch], tf.bool)
    tokens = tf.fill([length, batch], 0 if end is None else end)

    def generate(position: Tensor, tokens: Tensor, ended: Tensor, logits: Tensor, state: State) -> tuple[Any, ...]:
        chosen = tf.cast(choose(logits, position), tf.int32)
        if end is not None:
            chosen = tf.where(ended, end, chosen)
            ended |= chosen == end
        tokens = tf.tensor_scatter_nd_update(tokens, [[position]], chosen[tf.newaxis])
        return (position + 1, tokens, ended, *step(chosen, state))

    def unfinished(position: Tensor, tokens: Tensor, ended: Tensor, logits: Tensor, state: State) -> Tensor:
        return (position < length) & ~tf.reduce_all(ended)

    variables = tf.constant(0), tokens, ended, logits, state
    _, tokens, *_ = tf.while_loop(unfinished, generate, variables)
    tokens = tf.transpose(tokens)
    if end is None:
        return Decoded(tokens, tf.fill([batch], length))
    before = tf.math.cumsum(tf.cast(tokens == end, tf.int32), axis=1, exclusive=True)
    lengths = tf.math.count_nonzero(before == 0, axis=1, dtype=tf.int32)
    return Decoded(tokens, lengths)


def stream(step: Step, state: State, prompt: TensorLike, choose: Choose = greedy) -> Iterator[np.ndarray]:
    """Yield the tokens that continue a prompt, as soon as they are generated and without end.

    The tokens are those of `decode`.

    Args:
        step: Function as for `decode`. It is traced as a `tf.function`.
        state: Initial state, as for `decode`.
        prompt: Integer tensor of shape `(batch, tokens)` with at least one token.
        choose: Function as for `decode`.

    Yields:
        An int32 array of shape `(batch,)` for each position.

    Raises:
        ValueError: If `prompt` is invalid.

    Example:
        >>> import itertools
        >>> import tensorflow as tf
        >>> from tensorsmith.seq2seq import stream
        >>> tokens = stream(lambda tokens, state: (tf.one_hot((tokens + 1) % 10, 10), state), (), [[8]])
        >>> [int(token[0]) for token in itertools.islice(tokens, 4)]
        [9, 0, 1, 2]
    """
    return _stream(step, state, checked_prompt(prompt), choose)


def _stream(step: Step, state: State, prompt: Tensor, choose: Choose) -> Iterator[np.ndarray]:
    @tf.function
    def generate(position: Tensor, logits: Tensor, state: State) -> tuple[Any, ...]:
        chosen = tf.cast(choose(logits, position), tf.int32)
        return (chosen, *step(chosen, state))

    logits, state = _read(tf.function(step), state, prompt)
    position = 0
    while True:
        chosen, logits, state = generate(tf.constant(position), logits, state)
        yield chosen.numpy()
        position += 1


def _read(step: Step, state: State, prompt: Tensor) -> tuple[Tensor, State]:
    """Return the logits and the state after the last token of a prompt."""
    logits, state = step(prompt[:, 0], state)

    def read(position: Tensor, logits: Tensor, state: State) -> tuple[Any, ...]:
        return (position + 1, *step(prompt[:, position], state))

    _, logits, state = tf.while_loop(lambda position, *_: position < tf.shape(prompt)[1], read, (1, logits, state))
    return logits, state
