"""Exponential activation layer with a learned scale and offset."""

from typing import Any

import keras

from tensorsmith.core import check, export
from tensorsmith.core.types import Initializer, Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class LearnableExponential(keras.layers.Layer):
    """Exponential output layer with a learned scale and offset, for positive targets of different magnitudes.

    It suits positive targets of very different magnitudes, such as 0.001, 10 and 1000.

    Formula, with a scale and an offset learned for each feature:

        y = exp(scale x + offset)

    With the initial scale of 1 and offset of 0, it is the exponential activation. Half-precision inputs are computed in
    float32. Results that the output dtype cannot represent become infinite, in float16 from 65,520 on.

    Source: the log link of generalized linear models (Nelder and Wedderburn, 1972).

    Args:
        scale_initializer: Initializer for the scale weight.
        offset_initializer: Initializer for the offset weight.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input tensor of floating-point type.

    Input shape:
        `(batch, ..., features)`.

    Output shape:
        Same shape as the input.

    Raises:
        ValueError: If the number of features is unknown.

    Example:
        >>> import numpy as np
        >>> print(LearnableExponential()(np.log([[0.001, 10.0, 1000.0]])).numpy().round(3))
        [[1.e-03 1.e+01 1.e+03]]
    """

    def __init__(
        self, scale_initializer: Initializer = "ones", offset_initializer: Initializer = "zeros", **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.scale_initializer = keras.initializers.get(scale_initializer)
        self.offset_initializer = keras.initializers.get(offset_initializer)

    def build(self, input_shape: Shape) -> None:
        """Creates the weights of the layer."""
        check(input_shape[-1] is not None, "inputs", tuple(input_shape), "have a known number of features")
        self.scale = self.add_weight((input_shape[-1],), self.scale_initializer, name="scale", autocast=False)
        self.offset = self.add_weight((input_shape[-1],), self.offset_initializer, name="offset", autocast=False)

    def call(self, inputs: Tensor) -> Tensor:
        """Computes the exponential of the scaled and shifted inputs."""
        inputs = floating(inputs, self.compute_dtype)
        # The exponential amplifies rounding errors of its argument.
        precise = keras.backend.result_type(inputs.dtype, "float32")
        x, scale, offset = (keras.ops.cast(value, precise) for value in (inputs, self.scale, self.offset))
        return keras.ops.cast(keras.ops.exp(x * scale + offset), inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape, which is the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {
            "scale_initializer": keras.initializers.serialize(self.scale_initializer),
            "offset_initializer": keras.initializers.serialize(self.offset_initializer),
        }
        return {**super().get_config(), **own}
