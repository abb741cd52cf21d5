"""Noise injection layer of StyleGAN."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Initializer, Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class NoiseInjection(keras.layers.Layer):
    """Noise injection layer of StyleGAN: adds Gaussian noise with a learned scale per channel.

    The noise is added in training and at inference. Generators use it for stochastic details, such as hair and
    freckles. Formula, with z one image of N(0, 1) for each example, shared by all channels:

        y = x + strength z

    Source: Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks", 2019.

    Args:
        strength_initializer: Initializer for the noise scales, one for each channel.
        seed: Integer to seed the random generator. If `None`, the seed is derived from the global Keras seed.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input tensor of floating-point type.

    Input shape:
        `(batch, ..., channels)`. For images: `(batch, height, width, channels)`.

    Output shape:
        Same shape as the input.

    Raises:
        ValueError: If `seed` is not an integer, or the number of channels is unknown.

    Example:
        >>> import keras
        >>> y = NoiseInjection("ones", seed=1)(keras.ops.zeros((2, 4, 4, 3)))
        >>> bool((y[..., 0] == y[..., 2]).numpy().all())
        True
    """

    def __init__(self, strength_initializer: Initializer = "zeros", seed: int | None = None, **kwargs: Any):
        check(seed is None or is_integer(seed), "seed", seed, "an integer or None")
        seed = plain(seed)
        super().__init__(**kwargs)
        self.supports_masking = True
        self.strength_initializer = keras.initializers.get(strength_initializer)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Shape) -> None:
        """Creates the noise scales."""
        channels = input_shape[-1]
        check(channels is not None, "inputs", tuple(input_shape), "have a known number of channels")
        self.strength = self.add_weight(shape=(channels,), name="strength", initializer=self.strength_initializer)

    def call(self, inputs: Tensor) -> Tensor:
        """Adds the noise to the inputs."""
        inputs = floating(inputs, self.compute_dtype)
        # One value per position, shared by all channels: (batch, ..., 1).
        shape = (*ops.shape(inputs)[:-1], 1)
        return inputs + self.strength * keras.random.normal(shape, dtype=inputs.dtype, seed=self.seed_generator)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape, which is the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {"strength_initializer": keras.initializers.serialize(self.strength_initializer), "seed": self.seed}
        return {**super().get_config(), **own}
