"""Prompts of `decode`, `stream` and `beam_search`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.seq2seq._support.structures import is_array, where_rows
from tensorsmith.seq2seq._support.types import Adjust, State, Step


class Prompt(NamedTuple):
    """Prompts of a batch.

    Attributes:
        tokens: int32 tensor of shape `(batch, tokens)`, with 0 after the end of shorter prompts.
        lengths: int32 tensor of shape `(batch,)` with the number of tokens of each prompt, or `None` if all have the
            same number.
    """

    tokens: Tensor
    lengths: Tensor | None


def checked_prompt(prompt: TensorLike, state: State, adjust: Sequence[Adjust]) -> Prompt:
    """Return the prompts of a batch, for which the initial state and the functions that change logits are suitable.

    Raises:
        ValueError: If the prompts have another rank or dtype, no tokens, or negative ones; if the state has another
            batch size; or if prompts of different lengths have a state with scalars, or functions that change logits.
        tf.errors.InvalidArgumentError: If tokens or sizes that are only known at run time are invalid.
    """
    ragged = isinstance(prompt, tf.RaggedTensor)
    given: Any = prompt if ragged else tf.convert_to_tensor(prompt)
    received = Verbatim(f"{given.dtype.name} of shape {given.shape}")
    valid = given.dtype.is_integer and given.shape.rank == 2 and given.shape[1] != 0
    check(valid, "prompt", received, "integers of shape (batch, tokens) with at least one token")
    if not ragged:
        tokens = _non_negative(tf.cast(given, tf.int32))
        _check_batch(state, tokens)
        return Prompt(tokens, None)
    check(not adjust, "adjust", adjust, "empty for prompts of different lengths", "pass a tensor as `prompt`")
    tokens, lengths = _non_negative(tf.cast(given.to_tensor(), tf.int32)), tf.cast(given.row_lengths(), tf.int32)
    for each in tf.nest.flatten(state):
        scalar = is_array(each) or tf.convert_to_tensor(each).shape.rank == 0
        expected = "tensors whose first axis is the batch, for prompts of different lengths"
        check(not scalar, "state", Verbatim("a scalar or a TensorArray"), expected)
    _check_batch(state, tokens)
    known = tf.get_static_value(lengths)
    expected = "at least one token in each row"
    if known is None:
        with tf.control_dependencies([tf.debugging.assert_positive(lengths, f"prompt must have {expected}")]):
            return Prompt(tokens, tf.identity(lengths))
    check((known > 0).all(), "prompt", Verbatim(f"rows of {known.tolist()} tokens"), expected)
    return Prompt(tokens, lengths)


def read_prompt(step: Step, state: State, prompt: Prompt) -> tuple[Tensor, State]:
    """Return the logits and the state after the last token of each prompt.

    If the step has a method `read(tokens, lengths, state)`, it reads the prompts in a single pass.

    Raises:
        ValueError: If the logits do not have the shape `(batch, vocabulary)`.
    """
    tokens, lengths = prompt
    whole = getattr(step, "read", None)
    if whole is not None:
        batch, size = tf.unstack(tf.shape(tokens))
        logits, state = whole(tokens, tf.fill([batch], size) if lengths is None else lengths, state)
        return logits, state
    logits, state = step(tokens[:, 0], state)
    valid = logits.shape.is_compatible_with([tokens.shape[0], None])
    received = Verbatim(f"a function that returns logits of shape {logits.shape} for {tokens.shape[0]} prompts")
    check(valid, "step", received, "a function that returns logits of shape (batch, vocabulary)")
    if tokens.shape[1] == 1:
        return logits, state

    def read(position: Tensor, logits: Tensor, state: State) -> tuple[Any, ...]:
        before, after = (logits, state), step(tokens[:, position], state)
        if lengths is not None:
            unread = position < lengths
            after = tf.nest.map_structure(lambda *pair: where_rows(unread, *pair), after, before)
        return (position + 1, *after)

    _, logits, state = tf.while_loop(lambda position, *_: position < tf.shape(tokens)[1], read, (1, logits, state))
    return logits, state


def _non_negative(tokens: Tensor) -> Tensor:
    """Return the tokens of prompts after a check that none is negative, of which `tf.one_hot` makes a row of zeros.

    Raises:
        ValueError: If the tokens are known.
        tf.errors.InvalidArgumentError: If they are only known at run time.
    """
    known, expected = tf.get_static_value(tokens), "contain tokens >= 0"
    if known is None:
        with tf.control_dependencies([tf.debugging.assert_non_negative(tokens, f"prompt must {expected}")]):
            return tf.identity(tokens)
    smallest = known.min(initial=0)
    check(bool(smallest >= 0), "prompt", int(smallest), expected)
    return tokens


def _check_batch(state: State, tokens: Tensor) -> None:
    """Raise an error if the batch size of a state, which a scalar does not have, is not that of the prompts.

    Raises:
        ValueError: If both sizes are known.
        tf.errors.InvalidArgumentError: If a size is only known at run time.
    """
    for each in tf.nest.flatten(state):
        tensor = each if is_array(each) else tf.convert_to_tensor(each)
        if is_array(tensor) or not tensor.shape.rank:
            continue
        expected = "have the batch size of the prompts as the size of the first axis of each tensor"
        received = Verbatim(f"a tensor of shape {tensor.shape} for {tokens.shape[0]} prompts")
        check(tensor.shape[:1].is_compatible_with(tokens.shape[:1]), "state", received, expected)
        if None in (tensor.shape[0], tokens.shape[0]):
            tf.debugging.assert_equal(tf.shape(tensor)[0], tf.shape(tokens)[0], f"state must {expected}")
