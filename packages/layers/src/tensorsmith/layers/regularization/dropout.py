"""Dropout layer with a compiled kernel."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.core.types import Tensor
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.kernel_layer import KernelLayer


@export
class Dropout(KernelLayer, keras.layers.Dropout):
    """Dropout layer of Keras with a compiled kernel, which draws the same random numbers.

    Arguments and results, including the dropped elements, are those of `keras.layers.Dropout`:

        y = m x / (1 - rate),  m ~ Bernoulli(1 - rate)

    The kernel draws the random numbers again for the gradient instead of storing the mask. The implementation of Keras
    is used with `noise_shape`, and if the kernels are not in use.

    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014.

    Args:
        rate: Float in [0, 1), the fraction of the inputs to drop.
        noise_shape: Shape of the binary dropout mask. An entry of `None` is replaced by the size of the inputs along
            the same axis. With an entry of 1, the mask is shared along the axis.
        seed: Integer to seed the random generator. If `None`, the seed is derived from the global Keras seed.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input tensor of any rank.
        training: If `True`, apply dropout. Otherwise, return the inputs unchanged.

    Input shape:
        Arbitrary.

    Output shape:
        Same shape as the input.

    Raises:
        ValueError: If `rate` is not a number in [0, 1), `seed` is not an integer, or `noise_shape` is not a sequence of
            positive integers and `None`.

    Example:
        >>> import keras
        >>> print(Dropout(0.5, seed=1)(keras.ops.ones((1, 8)), training=True).numpy())
        [[2. 0. 2. 0. 0. 0. 0. 2.]]
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        check(is_number(rate) and 0 <= rate < 1, "rate", rate, "a number in [0, 1)")
        check(seed is None or is_integer(seed), "seed", seed, "an integer or None")
        super().__init__(plain(rate), noise_shape=plain(noise_shape), seed=plain(seed), **kwargs)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Applies dropout during training."""
        inputs = floating(inputs, self.compute_dtype)
        if not training or self.rate == 0 or self.noise_shape is not None or not ops.active():
            return super().call(inputs, training=training)
        # Keras passes its seeds to TensorFlow in this form.
        seed = tf.cast(tf.math.floormod(self.seed_generator.next(), tf.int32.max - 1), tf.int32)
        return ops.dropout(inputs, self.rate, seed)
