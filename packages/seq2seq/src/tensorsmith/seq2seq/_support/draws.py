"""Random numbers of samplers, which depend on the seed, the number of sequences decoded before, and the step."""

import keras
import tensorflow as tf

from tensorsmith.core import check, is_integer, plain
from tensorsmith.core.types import Scalar, Tensor


class Draws:
    """Source of random numbers for the steps of one decoder call after another.

    Args:
        name: Name of the argument with the seed.
        seed: Integer random seed. If `None`, the seed is derived from the global Keras seed.
    """

    def __init__(self, name: str, seed: int | None):
        check(seed is None or is_integer(seed), name, seed, "an integer or None")
        self._given = plain(seed)
        # A `tf.function` in which the sampler is created cannot create its variable in each call.
        self.generator = keras.random.SeedGenerator(self._given) if tf.executing_eagerly() else None
        self._seed: Tensor | None = None

    def start(self) -> None:
        """Draw the seed of a decoder call."""
        if self.generator is None:
            self._seed = tf.random.uniform([2], maxval=tf.int64.max, dtype=tf.int64, seed=self._given)
        else:
            self._seed = tf.cast(self.generator.next(), tf.int64)

    def at(self, time: Scalar) -> Tensor:
        """Return the seed of a step."""
        check(self._seed is not None, "sampler", "a sampler without inputs", "initialized before the first step")
        return tf.random.experimental.stateless_fold_in(self._seed, tf.cast(time, tf.int64))


def categorical(logits: Tensor, seed: Tensor) -> Tensor:
    """Return classes drawn from the softmax of logits, as an int32 tensor without the last axis."""
    flat = tf.reshape(tf.cast(logits, tf.float32), [-1, tf.shape(logits)[-1]])
    drawn = tf.random.stateless_categorical(flat, 1, seed, tf.int32)
    return tf.ensure_shape(tf.reshape(drawn, tf.shape(logits)[:-1]), logits.shape[:-1])


def bernoulli(probability: Tensor, count: Scalar, seed: Tensor) -> Tensor:
    """Return `count` booleans that are `True` with a probability, or each with its own probability."""
    return tf.random.stateless_uniform([count], seed) < tf.cast(probability, tf.float32)
