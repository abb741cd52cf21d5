"""Randomized leaky ReLU activation function."""

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
    """Randomized leaky ReLU activation, with random slopes for negative inputs during training.

    The slope for negative inputs is drawn at random for each element during training. At inference it is the mean of
    the range.

    Formula:

        y = x if x >= 0, else a x;  a ~ Uniform(lower, upper) in training, a = (lower + upper) / 2 otherwise

    Source: Xu et al., "Empirical Evaluation of Rectified Activations in Convolutional Network", 2015.

    Args:
        x: Floating-point input tensor.
        lower: Lower bound of the slope for negative inputs.
        upper: Upper bound of the slope for negative inputs.
        training: If `True`, use random slopes. Otherwise, use the mean slope.
        seed: Random seed. An integer results in the same slopes in each call, unlike in TensorFlow Addons. A
            `keras.random.SeedGenerator` results in different slopes in each call. If `None`, the global random
            generator of Keras is used.
        rng: Instance of `tf.random.Generator` to use instead of a seed.

    Returns:
        A tensor with the same shape and dtype as `x`.

    Raises:
        ValueError: If `lower` or `upper` is not a number, `lower` is greater than `upper`, or both `seed` and `rng` are
            given.

    Example:
        >>> print(rrelu([-1.0, 0.0, 1.0]).numpy().round(4))
        [-0.2292  0.      1.    ]
    """
    for name, value in (("lower", lower), ("upper", upper)):
        check(is_number(value), name, value, "a number")
    check(lower <= upper, "lower", lower, f"<= `upper` ({upper})")
    check(seed is None or rng is None, "rng", rng, "None when `seed` is given", "pass either `rng` or `seed`")
    x = floating(keras.ops.convert_to_tensor(x))
    slope: Any = (lower + upper) / 2
    if training and rng is not None:
        slope = rng.uniform(tf.shape(x), lower, upper, x.dtype)
    elif training:
        slope = keras.random.uniform(keras.ops.shape(x), lower, upper, x.dtype, seed)
    return keras.ops.where(x >= 0, x, x * slope)
