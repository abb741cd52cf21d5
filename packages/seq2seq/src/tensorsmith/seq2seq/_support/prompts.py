"""Check of prompts."""

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Tensor, TensorLike


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
