"""Functions that choose the next token of each sequence, given its logits."""

from collections.abc import Callable

import tensorflow as tf

from tensorsmith.core import check, is_integer, is_number
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.seq2seq._support.groups import group_size, in_groups
from tensorsmith.seq2seq._support.top_tokens import top_logits


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
    logits = tf.convert_to_tensor(logits)
    size = group_size(logits.shape[-1]) if logits.shape.rank == 2 else 0
    if not size:
        return tf.argmax(logits, axis=-1, output_type=tf.int32)
    groups, maxima = in_groups(logits, size)
    best = tf.argmax(maxima, axis=-1, output_type=tf.int32)
    return best * size + tf.argmax(tf.gather(groups, best, batch_dims=1), axis=-1, output_type=tf.int32)


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
    _check_sampling(temperature, seed)

    def choose(logits: TensorLike, position: TensorLike) -> Tensor:
        return _sample(tf.convert_to_tensor(logits), temperature, seed, position)

    return choose


def top_k_sampling(k: int, temperature: float = 1.0, seed: int = 0) -> Callable[[TensorLike, TensorLike], Tensor]:
    """Return a function that samples the next tokens from the `k` most probable ones.

    The probabilities are those of `temperature_sampling`, divided by their sum. With `k=1`, the tokens are those of
    `greedy`.

    Source: Fan et al., "Hierarchical Neural Story Generation", 2018.

    Args:
        k: Positive number of tokens. If it is larger than the vocabulary, all tokens can be chosen.
        temperature: Positive number by which the logits are divided.
        seed: Integer random seed.

    Returns:
        A function as that of `temperature_sampling`.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> from tensorsmith.seq2seq import top_k_sampling
        >>> choose = top_k_sampling(k=2, temperature=9.0)
        >>> {int(choose([[0.1, 2.0, 1.0]], position)[0]) for position in range(20)}
        {1, 2}
    """
    check(is_integer(k) and k > 0, "k", k, "a positive integer")
    _check_sampling(temperature, seed)

    def choose(logits: TensorLike, position: TensorLike) -> Tensor:
        _, values, tokens = top_logits(tf.cast(logits, tf.float32), k)
        return tf.gather(tokens, _sample(values, temperature, seed, position), batch_dims=1)

    return choose


def top_p_sampling(p: float, temperature: float = 1.0, seed: int = 0) -> Callable[[TensorLike, TensorLike], Tensor]:
    """Return a function that samples the next tokens from the fewest ones whose probabilities have a sum of at least p.

    The probabilities are those of `temperature_sampling`. This method is also called nucleus sampling.

    Source: Holtzman et al., "The Curious Case of Neural Text Degeneration", 2020.

    Args:
        p: Number in (0, 1]. With 1, all tokens can be chosen.
        temperature: Positive number by which the logits are divided.
        seed: Integer random seed.

    Returns:
        A function as that of `temperature_sampling`.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> import tensorflow as tf
        >>> from tensorsmith.seq2seq import top_p_sampling
        >>> choose = top_p_sampling(p=0.7)
        >>> {int(choose(tf.math.log([[0.1, 0.6, 0.3]]), position)[0]) for position in range(20)}
        {1, 2}
    """
    check(is_number(p) and 0 < p <= 1, "p", p, "a number in (0, 1]")
    _check_sampling(temperature, seed)

    def choose(logits: TensorLike, position: TensorLike) -> Tensor:
        scaled = tf.cast(logits, tf.float32) / temperature
        values, tokens = tf.math.top_k(scaled, tf.shape(scaled)[-1])
        before = tf.cumsum(tf.nn.softmax(values), axis=-1, exclusive=True)
        nucleus = (
            tf.where(before < p, values, float("-inf")) if p < 1 else values
        )  # the sum may be rounded to 1 earlier
        return tf.gather(tokens, _sample(nucleus, 1.0, seed, position), batch_dims=1)

    return choose


def _check_sampling(temperature: float, seed: int) -> None:
    """Raise a `ValueError` unless the arguments that all sampling functions share are valid."""
    valid = is_number(temperature) and 0 < temperature < float("inf")
    check(valid, "temperature", temperature, "a positive number", "use `greedy` for the most probable tokens")
    check(is_integer(seed) and -(2**31) <= seed < 2**31, "seed", seed, "an integer of 32 bits")


def _sample(logits: Tensor, temperature: float, seed: int, position: TensorLike) -> Tensor:
    """Return the index of a random logit of each row, with the probabilities of the softmax."""
    scaled = tf.cast(logits, tf.float32) / temperature
    seeds = tf.stack([tf.constant(seed, tf.int32), tf.cast(position, tf.int32)])
    drawn = tf.random.stateless_categorical(scaled, 1, seeds, tf.int32)[:, 0]
    return tf.minimum(drawn, tf.shape(scaled)[-1] - 1)  # the result of the op for NaN is out of range
