"""Exponential outputs."""

from typing import Any

import keras

from tensorsmith.core import check, export
from tensorsmith.core.types import Initializer, Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class LearnableExponential(keras.layers.Layer):
    """An output layer for positive targets of very different sizes, such as 0.001, 10 and 1000.

    Formula, with a scale and an offset learned for each feature:

        y = exp(scale x + offset)

    With scale 1 and offset 0, as it begins, it is the exponential activation. Half types are computed in float32; what
    the type of the outputs cannot hold becomes infinite, in float16 from 65,520 on.

    Source: the log link of generalized linear models: Nelder and Wedderburn, 1972.

    Args:
        scale_initializer: Initializer of the scale.
        offset_initializer: Initializer of the offset.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of floating type.

    Input shape:
        `(batch, ..., features)`.

    Output shape:
        The same as the input shape.

    Raises:
        ValueError: The number of features is not known.

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
        """Makes scale and offset."""
        check(input_shape[-1] is not None, "inputs", tuple(input_shape), "a known number of features")
        self.scale = self.add_weight((input_shape[-1],), self.scale_initializer, name="scale", autocast=False)
        self.offset = self.add_weight((input_shape[-1],), self.offset_initializer, name="offset", autocast=False)

    def call(self, inputs: Tensor) -> Tensor:
        """Scales, shifts and takes the exponential."""
        inputs = floating(inputs, self.compute_dtype)
        precise = keras.backend.result_type(inputs.dtype, "float32")
        x, scale, offset = (keras.ops.cast(value, precise) for value in (inputs, self.scale, self.offset))
        return keras.ops.cast(keras.ops.exp(x * scale + offset), inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {
            "scale_initializer": keras.initializers.serialize(self.scale_initializer),
            "offset_initializer": keras.initializers.serialize(self.offset_initializer),
        }
        return {**super().get_config(), **own}
