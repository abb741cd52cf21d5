"""Generation of sequences, one token after another."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.seq2seq._support.arguments import check_end, check_in_vocabulary, check_positive, checked_adjust
from tensorsmith.seq2seq._support.logits import adjusted
from tensorsmith.seq2seq._support.problems import problems_of, report
from tensorsmith.seq2seq._support.prompts import Prompt, checked_prompt, read_prompt
from tensorsmith.seq2seq._support.sampler_inputs import size_of
from tensorsmith.seq2seq._support.types import Adjust, Choose, State, Step
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
    adjust: Sequence[Adjust] = (),
) -> Decoded:
    """Generate sequences that continue a prompt.

    The model is a function of the last tokens and a state, for example of `recurrent_step` or `window_step`. It works
    in eager execution and in graphs.

    Args:
        step: Function that takes int32 tokens of shape `(batch,)` and a state, and returns the logits of the next
            tokens, of shape `(batch, vocabulary)`, and the new state, with the same structure, shapes and dtypes. If it
            has a method `read(tokens, lengths, state)`, this reads the prompts, whose tokens have the shape `(batch,
            tokens)` and which have `lengths` tokens each, in a single pass.
        state: Initial state, a tensor or a nested structure of tensors. The first axis of each tensor is the batch,
            except for scalars.
        prompt: Integer tensor of shape `(batch, tokens)` with at least one token, such as one that marks the start.
            Tokens must not be negative. For prompts of different lengths, a `tf.RaggedTensor` of this shape; then
            `state` must not contain scalars, and `adjust` must be empty.
        length: Number of tokens to generate.
        choose: Function that takes logits and the number of tokens that have been generated, and returns the next
            tokens: `greedy`, or the result of `temperature_sampling`, `top_k_sampling` or `top_p_sampling`.
        end: Token that ends a sequence. If `None`, sequences do not end. Generation stops if all have ended.
        adjust: Functions that change the logits before a token is chosen, such as the results of `repetition_penalty`
            and `allowed_tokens`, in the order of their application. Each takes logits, and an int32 tensor of shape
            `(batch, tokens so far)` with the tokens before, including the prompt, and returns logits of the same shape.

    Returns:
        A `Decoded` tuple.

    Raises:
        ValueError: If an argument is invalid. In eager execution also if logits are NaN or infinity, or if no token is
            allowed for a sequence.
        tf.errors.InvalidArgumentError: In a graph, if logits are invalid, or values that are only known at run time.

    Example:
        >>> import tensorflow as tf
        >>> from tensorsmith.seq2seq import decode
        >>> def next_number(tokens, state):  # the next number of 10 is the most probable one
        ...     return tf.one_hot((tokens + 1) % 10, 10), state
        >>> decode(next_number, state=(), prompt=[[3], [7]], length=4).tokens.numpy().tolist()
        [[4, 5, 6, 7], [8, 9, 0, 1]]
    """
    decoded, problems = decoded_with_problems(step, state, prompt, length, choose, end, adjust)
    report(problems)
    return decoded


def stream(
    step: Step, state: State, prompt: TensorLike, choose: Choose = greedy, adjust: Sequence[Adjust] = ()
) -> Iterator[np.ndarray]:
    """Yield the tokens that continue a prompt, as soon as they are generated and without end.

    The tokens are those of `decode`.

    Args:
        step: Function as for `decode`. It is traced as a `tf.function`.
        state: Initial state, as for `decode`.
        prompt: Integer tensor of shape `(batch, tokens)`, as for `decode`.
        choose: Function as for `decode`.
        adjust: Functions as for `decode`.

    Yields:
        An int32 array of shape `(batch,)` for each position.

    Raises:
        ValueError: If an argument is invalid, if logits are NaN or infinity, or if no token is allowed for a sequence.

    Example:
        >>> import itertools
        >>> import tensorflow as tf
        >>> from tensorsmith.seq2seq import stream
        >>> tokens = stream(lambda tokens, state: (tf.one_hot((tokens + 1) % 10, 10), state), (), [[8]])
        >>> [int(token[0]) for token in itertools.islice(tokens, 4)]
        [9, 0, 1, 2]
    """
    adjust = checked_adjust(adjust)
    return _stream(step, state, checked_prompt(prompt, state, adjust), choose, adjust)


def decoded_with_problems(
    step: Step,
    state: State,
    prompt: TensorLike,
    length: int,
    choose: Choose,
    end: int | None,
    adjust: Sequence[Adjust],
) -> tuple[Decoded, Tensor]:
    """Return the result of `decode`, and the codes of the problems of the logits, which are not reported."""
    check_positive("length", length)
    check_end(end)
    adjust = checked_adjust(adjust)
    prompts = checked_prompt(prompt, state, adjust)
    logits, state = read_prompt(step, state, prompts)
    if end is not None:
        check_in_vocabulary("end", end, size_of(logits, -1))
    batch = tf.shape(prompts.tokens)[0]
    ended = tf.zeros([batch], tf.bool)
    tokens = tf.fill([length, batch], 0 if end is None else end)

    def extended(position: Tensor, tokens: Tensor, ended: Tensor, logits: Tensor) -> tuple[Tensor, ...]:
        if adjust:
            logits = adjusted(logits, tf.concat([prompts.tokens, tf.transpose(tokens[:position])], 1), adjust)
        problems = problems_of(logits, ended)
        # A token of invalid logits may be outside of the vocabulary.
        chosen = tf.where(problems == 0, tf.cast(choose(logits, position), tf.int32), 0)
        if end is not None:
            chosen = tf.where(ended, end, chosen)
            ended |= chosen == end
        # Unlike `tf.tensor_scatter_nd_update`, it supports empty batches.
        tokens = tf.where(tf.range(length)[:, tf.newaxis] == position, chosen, tokens)
        return tokens, ended, problems, chosen

    def generate(
        position: Tensor, tokens: Tensor, ended: Tensor, problems: Tensor, last: Tensor, state: State
    ) -> tuple[Any, ...]:
        logits, state = step(last, state)
        return (position + 1, *extended(position, tokens, ended, logits), state)

    def unfinished(position: Tensor, tokens: Tensor, ended: Tensor, problems: Tensor, *_: Any) -> Tensor:
        return (position < length) & ~tf.reduce_all(ended) & tf.reduce_all(problems == 0)

    first = extended(tf.constant(0), tokens, ended, logits)
    _, tokens, _, problems, *_ = tf.while_loop(unfinished, generate, (tf.constant(1), *first, state))
    tokens = tf.transpose(tokens)
    if end is None:
        return Decoded(tokens, tf.fill([batch], length)), problems
    before = tf.math.cumsum(tf.cast(tokens == end, tf.int32), axis=1, exclusive=True)
    lengths = tf.math.count_nonzero(before == 0, axis=1, dtype=tf.int32)
    return Decoded(tokens, lengths), problems


def _stream(
    step: Step, state: State, prompt: Prompt, choose: Choose, adjust: tuple[Adjust, ...]
) -> Iterator[np.ndarray]:
    @tf.function
    def generate(position: Tensor, logits: Tensor, state: State) -> tuple[Any, ...]:
        problems = problems_of(logits)
        chosen = tf.where(problems == 0, tf.cast(choose(logits, position), tf.int32), 0)
        return (problems, chosen, *step(chosen, state))

    logits, state = tf.function(lambda: read_prompt(step, state, prompt))()
    # The prefix grows, so that its size is unknown in the graph.
    signature = tf.TensorSpec(logits.shape, logits.dtype), tf.TensorSpec([prompt.tokens.shape[0], None], tf.int32)
    change = tf.function(lambda logits, prefix: adjusted(logits, prefix, adjust), input_signature=signature)
    position, prefix = 0, prompt.tokens.numpy()
    while True:
        logits = change(logits, prefix) if adjust else logits
        problems, chosen, logits, state = generate(tf.constant(position), logits, state)
        report(problems)
        yield chosen.numpy()
        prefix = np.concatenate([prefix, chosen.numpy()[:, np.newaxis]], axis=1) if adjust else prefix
        position += 1
