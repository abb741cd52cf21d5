"""The gradient penalty of Wasserstein GANs."""

from collections.abc import Callable

import keras
import tensorflow as tf
from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.losses._support.precision import precise
from tensorsmith.losses._support.shapes import check_same_shape


@export
def gradient_penalty(
    critic: Callable[[Tensor], Tensor],
    real: TensorLike,
    fake: TensorLike,
    seed: int | keras.random.SeedGenerator | None = None,
) -> Tensor:
    """How far a critic's slopes are from 1, at points drawn between real and fake samples.

    Formula, with u uniform in [0, 1], one for each pair:

        penalty = (|gradient of critic at (u * real + (1 - u) * fake)| - 1)^2

    The length is that over all axes of a sample. A critic with batch normalization has no gradient of one sample: use
    layer normalization instead.

    Source: Gulrajani et al., "Improved Training of Wasserstein GANs", 2017.

    Args:
        critic: A model, or any function of samples, with one score for each.
        real: Real samples, `(batch, ...)`.
        fake: As many fake ones, of the same shape.
        seed: An integer or `keras.random.SeedGenerator`; an integer draws the same numbers at every call.

    Returns:
        Tensor `(batch,)`, at least float32. Take its mean, times 10 in the paper.

    Raises:
        ValueError: The shapes differ.

    Example:
        >>> import keras
        >>> x = keras.ops.zeros((2, 4))
        >>> print(gradient_penalty(lambda x: 3 * keras.ops.sum(x, axis=1), x, x).numpy())  # slopes of 3 in 4 axes
        [25. 25.]
    """
    real, fake = precise(real, fake)
    check_same_shape(real=real, fake=fake)
    one_each = (ops.shape(real)[0], *(1,) * (len(real.shape) - 1))
    between = fake + keras.random.uniform(one_each, dtype=real.dtype, seed=seed) * (real - fake)
    with tf.GradientTape() as tape:  # keras.ops has no gradients
        tape.watch(between)
        scores = critic(between)
    slopes = tape.gradient(scores, between, unconnected_gradients="zero")  # none of a critic that ignores its input
    squares = ops.reshape(ops.square(slopes), (ops.shape(real)[0], -1))
    # The root's own slope is infinite where the critic is flat.
    lengths = ops.sqrt(ops.maximum(ops.sum(squares, axis=1), keras.config.epsilon() ** 2))
    return ops.square(lengths - 1)
