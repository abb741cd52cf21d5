"""Functions that choose the next token of each sequence, given its logits."""

from collections.abc import Callable

import tensorflow as tf

from tensorsmith.core import check, is_integer, is_number
from tensorsmith.core.types import Tensor, TensorLike


def greedy(logits: TensorLike, position: TensorLike) -> Tensor:
    """Return the token with the highest logit of each sequence.

    Args:
        logits: Tensor of shape `(batch, vocabulary)`.
        position: Number of tokens that have been generated before, which is not used.

    Returns:
        An int32 tensor of shape `(batch,)`.

    Example:
        >>> from tensorsmith.seq2seq import greedy
        >>> greedy([[0.1, 2.0, 1.0]], position=0).numpy()
        array([1], dtype=int32)
    """
    return tf.argmax(logits, axis=-1, output_type=tf.int32)


def temperature_sampling(temperature: float = 1.0, seed: int = 0) -> Callable[[TensorLike, TensorLike], Tensor]:
    """Return a function that samples the next tokens from the softmax of the logits, divided by a temperature.

    With temperatures below 1, probable tokens are chosen more often, and with temperatures above 1, less often. The
    choice depends on the seed, the position and the logits only, so that text can be reproduced.

    Args:
        temperature: Positive number by which the logits are divided.
        seed: Integer random seed.

    Returns:
        A function of `logits`, of shape `(batch, vocabulary)`, and `position`, a scalar, that returns an int32 tensor
        of shape `(batch,)`, to pass as `choose` to `decode` or `stream`.

    Raises:
        ValueError: If `temperature` is not a positive number, or `seed` is not an integer.

    Example:
        >>> from tensorsmith.seq2seq import temperature_sampling
        >>> choose = temperature_sampling(temperature=0.01, seed=1)
        >>> choose([[0.1, 2.0, 1.0]], position=0).numpy()
        array([1], dtype=int32)
    """
    valid = is_number(temperature) and 0 < temperature < float("inf")
    check(valid, "temperature", temperature, "a positive number", "use `greedy` for the most probable tokens")
    check(is_integer(seed) and -(2**31) <= seed < 2**31, "seed", seed, "an integer of 32 bits")

    def choose(logits: TensorLike, position: TensorLike) -> Tensor:
        scaled = tf.cast(logits, tf.float32) / temperature
        seeds = tf.stack([tf.constant(seed, tf.int32), tf.cast(position, tf.int32)])
        return tf.random.stateless_categorical(scaled, 1, seeds, tf.int32)[:, 0]

    return choose
