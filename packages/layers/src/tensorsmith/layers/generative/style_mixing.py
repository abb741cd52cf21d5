"""Style mixing layer of StyleGAN."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class StyleMixing(keras.layers.Layer):
    """Style mixing layer of StyleGAN: in training, replaces the styles of the last levels by those of another example.

    It prevents a generator from assuming that the styles of adjacent levels are correlated, so that each style affects
    only some properties of the image. With the given probability, an example keeps its styles up to a level that is
    drawn uniformly, and receives those of the previous example of the batch for the levels after it. At inference, the
    styles are returned unchanged.

    Source: Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks", 2019.

    Args:
        probability: Probability that the styles of an example are mixed. The paper uses 0.9.
        seed: Integer to seed the random generator. If `None`, the seed is derived from the global Keras seed.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input tensor with the styles of all levels.
        training: If `True`, mix the styles.

    Input shape:
        `(batch, levels, features)`, with at least two levels.

    Output shape:
        Same shape as the input.

    Raises:
        ValueError: If `probability` is not in [0, 1], `seed` is not an integer, or there are fewer than two levels.

    Example:
        >>> import numpy as np
        >>> styles = np.arange(3.0)[:, None, None] + np.zeros((3, 4, 1))
        >>> mixed = StyleMixing(1.0, seed=1)(styles, training=True)
        >>> print(mixed[..., 0].numpy()[:, [0, 3]])  # the first level and the last
        [[0. 2.]
         [1. 0.]
         [2. 1.]]
    """

    def __init__(self, probability: float = 0.9, seed: int | None = None, **kwargs: Any):
        check(is_number(probability) and 0 <= probability <= 1, "probability", probability, "a number in [0, 1]")
        check(seed is None or is_integer(seed), "seed", seed, "an integer or None")
        probability, seed = plain(probability), plain(seed)
        super().__init__(**kwargs)
        self.probability = probability
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Shape) -> None:
        """Validates the input shape."""
        known = len(input_shape) == 3 and input_shape[1] is not None and input_shape[1] > 1
        check(known, "inputs", tuple(input_shape), "of shape (batch, levels, features) with at least two levels")

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Mixes the styles of neighboring examples."""
        inputs = floating(inputs, self.compute_dtype)
        if not training:
            return inputs
        batch, levels = ops.shape(inputs)[0], inputs.shape[1]
        mixed = keras.random.uniform((batch, 1, 1), seed=self.seed_generator) < self.probability
        cutoff = keras.random.randint((batch, 1, 1), 1, levels, seed=self.seed_generator)
        replaced = ops.logical_and(mixed, ops.arange(levels)[:, None] >= cutoff)
        return ops.where(replaced, ops.roll(inputs, 1, axis=0), inputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape, which is the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        return {**super().get_config(), "probability": self.probability, "seed": self.seed}
