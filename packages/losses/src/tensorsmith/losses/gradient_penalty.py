"""Gradient penalty of Wasserstein GANs."""

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
    """Return the gradient penalty of a critic at random interpolates of real and fake samples.

    Formula, where u is drawn uniformly from [0, 1] for each pair:

        penalty = (|gradient of critic at (u * real + (1 - u) * fake)| - 1)^2

    The norm is taken over all axes of a sample. Batch normalization in the critic makes the gradient of one sample
    depend on the other samples of the batch; use layer normalization instead.

    Source: Gulrajani et al., "Improved Training of Wasserstein GANs", 2017.

    Args:
        critic: Model or function that maps samples to scores, one for each sample.
        real: Tensor of real samples, of shape `(batch, ...)`.
        fake: Tensor of fake samples, with the shape of `real`.
        seed: Python integer or instance of `keras.random.SeedGenerator`. An integer results in the same random numbers
            in each call.

    Returns:
        A tensor of shape `(batch,)`, in `float32` or higher precision. Add its mean to the loss of the critic; the
        paper multiplies it by 10.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> import keras
        >>> x = keras.ops.zeros((2, 4))
        >>> print(gradient_penalty(lambda x: 3 * keras.ops.sum(x, axis=1), x, x).numpy())  # norm of (3, 3, 3, 3) is 6
        [25. 25.]
    """
    real, fake = precise(real, fake)
    check_same_shape(real=real, fake=fake)
    # One interpolation factor per sample, broadcast over its other axes: (batch, 1, ..., 1).
    one_each = (ops.shape(real)[0], *(1,) * (len(real.shape) - 1))
    between = fake + keras.random.uniform(one_each, dtype=real.dtype, seed=seed) * (real - fake)
    # Compute the gradient of the critic at the interpolated points. keras.ops has no gradients.
    with tf.GradientTape() as tape:
        tape.watch(between)
        scores = critic(between)
    slopes = tape.gradient(scores, between, unconnected_gradients="zero")  # a critic may ignore its input
    # The norm covers all axes of a sample: (batch, elements).
    squares = ops.reshape(ops.square(slopes), (ops.shape(real)[0], -1))
    # Bounded from below, because the gradient of a square root is infinite at 0.
    lengths = ops.sqrt(ops.maximum(ops.sum(squares, axis=1), keras.config.epsilon() ** 2))
    return ops.square(lengths - 1)
