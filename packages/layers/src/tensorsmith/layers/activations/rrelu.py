"""Randomized leaky ReLU."""

from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import check, export, is_number
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.layers._support.floating import floating


@export
def rrelu(
    x: TensorLike,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool | None = None,
    seed: int | keras.random.SeedGenerator | None = None,
    rng: tf.random.Generator | None = None,
) -> Tensor:
    """Leaky ReLU whose slope below zero is drawn at random in training, for each number, and is the mean otherwise.

    Formula:

        y = x if x >= 0, else a x;  a ~ Uniform(lower, upper) in training, a = (lower + upper) / 2 otherwise

    Source: Xu et al., "Empirical Evaluation of Rectified Activations in Convolutional Network", 2015.

    Args:
        x: Tensor of floating type.
        lower: Least slope.
        upper: Greatest slope.
        training: Whether to draw.
        seed: An integer gives the same slopes in each call, which TensorFlow Addons' does not; a
            `keras.random.SeedGenerator` others in each; None takes Keras' own.
        rng: A `tf.random.Generator` to draw from instead.

    Returns:
        A tensor like `x`.

    Raises:
        ValueError: The slopes are no numbers, `lower` is greater than `upper`, or there are both `seed` and `rng`.

    Example:
        >>> print(rrelu([-1.0, 0.0, 1.0]).numpy().round(4))
        [-0.2292  0.      1.    ]
    """
    for name, value in (("lower", lower), ("upper", upper)):
        check(is_number(value), name, value, "a number")
    check(lower <= upper, "lower", lower, f"a number of no more than `upper`, {upper}")
    check(seed is None or rng is None, "rng", rng, "None, as there is a `seed`", "give one of the two")
    x = floating(keras.ops.convert_to_tensor(x))
    slope: Any = (lower + upper) / 2
    if training and rng is not None:
        slope = tf.cast(rng.uniform(tf.shape(x), lower, upper), x.dtype)
    elif training:
        slope = keras.random.uniform(keras.ops.shape(x), lower, upper, x.dtype, seed)
    return keras.ops.where(x >= 0, x, x * slope)
