"""The noise inputs of StyleGAN."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Initializer, Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class NoiseInjection(keras.layers.Layer):
    """Adds noise, in inference as in training, from which generators make what is random, such as hairs and freckles.

    Formula, with z one map of N(0, 1) for each example, the same for all channels:

        y = x + strength z

    Source: Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks", 2019.

    Args:
        strength_initializer: Initializer of the strengths, one a channel.
        seed: Integer that fixes the draws; None takes one from Keras' global seed.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of floating type.

    Input shape:
        `(batch, ..., channels)`; for pictures `(batch, height, width, channels)`.

    Output shape:
        The same as the input shape.

    Raises:
        ValueError: `seed` is no integer, or the number of channels is unknown.

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
        """Makes the strengths."""
        channels = input_shape[-1]
        check(channels is not None, "inputs", tuple(input_shape), "a known number of channels")
        self.strength = self.add_weight(shape=(channels,), name="strength", initializer=self.strength_initializer)

    def call(self, inputs: Tensor) -> Tensor:
        """Adds noise."""
        inputs = floating(inputs, self.compute_dtype)
        shape = (*ops.shape(inputs)[:-1], 1)
        return inputs + self.strength * keras.random.normal(shape, dtype=inputs.dtype, seed=self.seed_generator)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {"strength_initializer": keras.initializers.serialize(self.strength_initializer), "seed": self.seed}
        return {**super().get_config(), **own}
