"""Snake as a layer that learns its frequency."""

from typing import Any

import keras

from tensorsmith.core import check, export
from tensorsmith.core.types import Initializer, Shape, Tensor
from tensorsmith.layers import activations
from tensorsmith.layers._support.floating import floating


@export
class Snake(keras.layers.Layer):
    """A rising line with a wave on it, of a frequency f that is learned: `tensorsmith.layers.activations.snake`.

    Formula:

        y = x + sin²(f x) / f

    Source: Ziyin et al., "Neural Networks Fail to Learn Periodic Functions and How to Fix It", 2020.

    Args:
        frequency_initializer: Initializer of f, one number for the layer; not zeros.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of floating type.

    Input shape:
        Any.

    Output shape:
        The same as the input shape.

    Raises:
        ValueError: `frequency_initializer` is that of zeros.

    Example:
        >>> import numpy as np
        >>> print(Snake()(np.array([[-1.0, 0.0, 1.0]])).numpy().round(4))
        [[-0.2919  0.      1.7081]]
    """

    def __init__(self, frequency_initializer: Initializer = "ones", **kwargs: Any):
        frequency_initializer = keras.initializers.get(frequency_initializer)
        fits = not isinstance(frequency_initializer, keras.initializers.Zeros)
        expected = "an initializer of other numbers than zeros, as the wave is divided by its frequency"
        check(fits, "frequency_initializer", "zeros", expected)
        super().__init__(**kwargs)
        self.supports_masking = True
        self.frequency_initializer = frequency_initializer

    def build(self, input_shape: Shape) -> None:
        """Makes the weight."""
        self.frequency = self.add_weight(shape=(), name="frequency", initializer=self.frequency_initializer)

    def call(self, inputs: Tensor) -> Tensor:
        """Adds the wave."""
        inputs = floating(inputs, self.compute_dtype)
        return activations.snake(inputs, self.frequency)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {"frequency_initializer": keras.initializers.serialize(self.frequency_initializer)}
        return {**super().get_config(), **own}
