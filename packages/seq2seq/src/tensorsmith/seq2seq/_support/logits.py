"""Logits of the next tokens: those after a prompt, and changes by functions of the prefix."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Tensor
from tensorsmith.seq2seq._support.types import Adjust, State, Step


def read_prompt(step: Step, state: State, prompt: Tensor) -> tuple[Tensor, State]:
    """Return the logits and the state after the last token of a prompt.

    Raises:
        ValueError: If the logits do not have the shape `(batch, vocabulary)`.
    """
    logits, state = step(prompt[:, 0], state)
    valid = logits.shape.is_compatible_with([prompt.shape[0], None])
    received = Verbatim(f"a function that returns logits of shape {logits.shape} for {prompt.shape[0]} prompts")
    check(valid, "step", received, "a function that returns logits of shape (batch, vocabulary)")
    if prompt.shape[1] == 1:
        return logits, state

    def read(position: Tensor, logits: Tensor, state: State) -> tuple[Any, ...]:
        return (position + 1, *step(prompt[:, position], state))

    _, logits, state = tf.while_loop(lambda position, *_: position < tf.shape(prompt)[1], read, (1, logits, state))
    return logits, state


def adjusted(logits: Tensor, prefix: Tensor, adjust: Sequence[Adjust]) -> Tensor:
    """Return logits after functions of the prefix have changed them.

    Raises:
        ValueError: If a function returns a tensor of another shape.
    """
    for function in adjust:
        changed = tf.convert_to_tensor(function(logits, prefix))
        received = Verbatim(f"a function that returns shape {changed.shape}")
        expected = f"functions that return logits of the same shape, {logits.shape}"
        check(changed.shape.is_compatible_with(logits.shape), "adjust", received, expected)
        logits = changed
    return logits
