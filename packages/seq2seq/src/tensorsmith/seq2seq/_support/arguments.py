"""Checks of the arguments that all decoders share."""

from collections.abc import Sequence

import tensorflow as tf

from tensorsmith.core import Verbatim, check, is_integer
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.seq2seq._support.types import Adjust, State


def checked_prompt(prompt: TensorLike) -> Tensor:
    """Return a prompt as an int32 tensor of shape `(batch, tokens)`.

    Raises:
        ValueError: If it has another rank or dtype, or no tokens.
    """
    tokens = tf.convert_to_tensor(prompt)
    received = Verbatim(f"{tokens.dtype.name} of shape {tokens.shape}")
    valid = tokens.dtype.is_integer and tokens.shape.rank == 2 and tokens.shape[1] != 0
    check(valid, "prompt", received, "integers of shape (batch, tokens) with at least one token")
    return tf.cast(tokens, tf.int32)


def check_positive(name: str, value: int) -> None:
    """Raise a `ValueError` unless an argument is a positive integer."""
    check(is_integer(value) and value > 0, name, value, "a positive integer")


def check_end(end: int | None) -> None:
    """Raise a `ValueError` unless an argument is a token or `None`."""
    check(end is None or (is_integer(end) and end >= 0), "end", end, "a non-negative integer or None")


def checked_adjust(adjust: Sequence[Adjust]) -> tuple[Adjust, ...]:
    """Return the functions that change logits as a tuple.

    Raises:
        ValueError: If the argument is not a sequence of functions.
    """
    valid = isinstance(adjust, Sequence) and all(map(callable, adjust))
    check(
        valid, "adjust", adjust, "a sequence of functions of logits and prefixes", "pass (function,) for one function"
    )
    return tuple(adjust)


def check_batch_of_state(state: State, prompt: Tensor) -> None:
    """Raise an error if the batch size of a state, which a scalar does not have, is not that of the prompts.

    Raises:
        ValueError: If both sizes are known.
        tf.errors.InvalidArgumentError: If a size is only known at run time.
    """
    for each in tf.nest.flatten(state):
        tensor = each if isinstance(each, tf.TensorArray) else tf.convert_to_tensor(each)
        if isinstance(tensor, tf.TensorArray) or not tensor.shape.rank:
            continue
        expected = "have the batch size of the prompts as the size of the first axis of each tensor"
        received = Verbatim(f"a tensor of shape {tensor.shape} for {prompt.shape[0]} prompts")
        check(tensor.shape[:1].is_compatible_with(prompt.shape[:1]), "state", received, expected)
        if None in (tensor.shape[0], prompt.shape[0]):
            tf.debugging.assert_equal(tf.shape(tensor)[0], tf.shape(prompt)[0], f"state must {expected}")
