"""Rotary position embedding."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_number, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.wavelengths import angles


@export
class RotaryEmbedding(keras.layers.Layer):
    """Turns queries and keys by angles that grow with their steps: their products depend on how far apart they are.

    Apply it to the queries and to the keys of attention, not to the values. Nothing is learned, and sequences may be of
    any length. Neighbours are paired, features 2i and 2i + 1, as in the paper; libraries that pair feature i with
    i + d / 2 order the features otherwise.

    Formula, for step p and the pair i of d features, with a = p / max_wavelength^(2i / d):

        y[2i] = x[2i] cos(a) - x[2i + 1] sin(a)
        y[2i + 1] = x[2i] sin(a) + x[2i + 1] cos(a)

    Source: Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021.

    Args:
        max_wavelength: What the longest waves come near, divided by 2 pi; above 0.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of floating type.

    Input shape:
        `(batch, steps, ..., features)`, as `(batch, steps, heads, features)`; an even number of features.

    Output shape:
        The same as the input shape.

    Raises:
        ValueError: `max_wavelength` is no number above 0, or the number of features is odd or not known.

    Example:
        >>> import keras
        >>> y = RotaryEmbedding()(keras.ops.convert_to_tensor([[[1.0, 0.0], [1.0, 0.0]]]))
        >>> print(y.numpy().round(2))  # cos(0), sin(0); cos(1), sin(1)
        [[[1.   0.  ]
          [0.54 0.84]]]
    """

    def __init__(self, max_wavelength: float = 10000.0, **kwargs: Any):
        fits = is_number(max_wavelength) and max_wavelength > 0
        check(fits, "max_wavelength", max_wavelength, "a number above 0")
        max_wavelength = plain(max_wavelength)
        super().__init__(**kwargs)
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(min_ndim=3)
        self.max_wavelength = max_wavelength

    def build(self, input_shape: Shape) -> None:
        """Looks at the shape; there are no weights."""
        features = input_shape[-1]
        check(features is not None and features % 2 == 0, "inputs", tuple(input_shape), "an even number of features")

    def call(self, inputs: Tensor) -> Tensor:
        """Turns the pairs."""
        inputs = floating(inputs, self.compute_dtype)
        turn = angles(ops.shape(inputs)[1], inputs.shape[-1], self.max_wavelength, inputs.dtype)
        turn = ops.reshape(turn, (-1, *[1] * (len(inputs.shape) - 3), turn.shape[-1]))
        cos, sin = ops.cos(turn), ops.sin(turn)
        x = ops.cast(inputs, turn.dtype)
        even, odd = x[..., 0::2], x[..., 1::2]
        pairs = ops.stack([even * cos - odd * sin, even * sin + odd * cos], axis=-1)
        return ops.cast(ops.reshape(pairs, ops.shape(inputs)), inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "max_wavelength": self.max_wavelength}
