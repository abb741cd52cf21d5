"""Snake activation layer with a learned frequency."""

from typing import Any

import keras

from tensorsmith.core import check, export
from tensorsmith.core.types import Initializer, Shape, Tensor
from tensorsmith.layers import activations
from tensorsmith.layers._support.floating import floating


@export
class Snake(keras.layers.Layer):
    """Snake activation layer: a linear function plus a periodic term with a learned frequency.

    Formula, with the learned frequency f:

        y = x + sin²(f x) / f

    Source: Ziyin et al., "Neural Networks Fail to Learn Periodic Functions and How to Fix It", 2020.

    Args:
        frequency_initializer: Initializer for the frequency f, a scalar weight. The frequency must not be zero.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input tensor of floating-point type.

    Input shape:
        Arbitrary.

    Output shape:
        Same shape as the input.

    Raises:
        ValueError: If `frequency_initializer` is the zeros initializer.

    Example:
        >>> import numpy as np
        >>> print(Snake()(np.array([[-1.0, 0.0, 1.0]])).numpy().round(4))
        [[-0.2919  0.      1.7081]]
    """

    def __init__(self, frequency_initializer: Initializer = "ones", **kwargs: Any):
        frequency_initializer = keras.initializers.get(frequency_initializer)
        fits = not isinstance(frequency_initializer, keras.initializers.Zeros)
        expected = "an initializer other than zeros"
        remedy = "use a nonzero frequency, because the layer divides by it"
        check(fits, "frequency_initializer", "zeros", expected, remedy)
        super().__init__(**kwargs)
        self.supports_masking = True
        self.frequency_initializer = frequency_initializer

    def build(self, input_shape: Shape) -> None:
        """Creates the frequency weight."""
        self.frequency = self.add_weight(shape=(), name="frequency", initializer=self.frequency_initializer)

    def call(self, inputs: Tensor) -> Tensor:
        """Applies the snake activation with the learned frequency."""
        inputs = floating(inputs, self.compute_dtype)
        return activations.snake(inputs, self.frequency)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape, which is the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {"frequency_initializer": keras.initializers.serialize(self.frequency_initializer)}
        return {**super().get_config(), **own}
