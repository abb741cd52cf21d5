"""Rotary position embedding layer (RoPE) for attention."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_number, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.wavelengths import angles


@export
class RotaryEmbedding(keras.layers.Layer):
    """Rotary position embedding: rotates pairs of features by angles proportional to the position in the sequence.

    The inner product of a query and a key then depends on their relative position. Apply the layer to the queries and
    keys of attention, but not to the values. It has no weights, and sequences may have any length. Adjacent features 2i
    and 2i + 1 form a pair, as in the paper. Libraries that pair the features i and i + d / 2 use a different order of
    features.

    Formula, for step p and feature pair i of d features, with a = p / max_wavelength^(2i / d):

        y[2i] = x[2i] cos(a) - x[2i + 1] sin(a)
        y[2i + 1] = x[2i] sin(a) + x[2i + 1] cos(a)

    Source: Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021.

    Args:
        max_wavelength: Positive float. The wavelengths of the sinusoids are at most `2 * pi * max_wavelength`.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input tensor of floating-point type.

    Input shape:
        `(batch, steps, ..., features)`, for example `(batch, steps, heads, features)`, with an even number of features.

    Output shape:
        Same shape as the input.

    Raises:
        ValueError: If `max_wavelength` is not a positive number, or the number of features is odd or unknown.

    Example:
        >>> import keras
        >>> y = RotaryEmbedding()(keras.ops.convert_to_tensor([[[1.0, 0.0], [1.0, 0.0]]]))
        >>> print(y.numpy().round(2))  # cos(0), sin(0); cos(1), sin(1)
        [[[1.   0.  ]
          [0.54 0.84]]]
    """

    def __init__(self, max_wavelength: float = 10000.0, **kwargs: Any):
        fits = is_number(max_wavelength) and max_wavelength > 0
        check(fits, "max_wavelength", max_wavelength, "a positive number")
        max_wavelength = plain(max_wavelength)
        super().__init__(**kwargs)
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(min_ndim=3)
        self.max_wavelength = max_wavelength

    def build(self, input_shape: Shape) -> None:
        """Validates the input shape. The layer has no weights."""
        features = input_shape[-1]
        check(
            features is not None and features % 2 == 0,
            "inputs",
            tuple(input_shape),
            "have an even number of features",
        )

    def call(self, inputs: Tensor) -> Tensor:
        """Rotates the feature pairs by the angles of their positions."""
        inputs = floating(inputs, self.compute_dtype)
        turn = angles(ops.shape(inputs)[1], inputs.shape[-1], self.max_wavelength, inputs.dtype)
        # One angle for each step and pair, broadcast over the axes in between, such as heads.
        turn = ops.reshape(turn, (-1, *[1] * (len(inputs.shape) - 3), turn.shape[-1]))
        cos, sin = ops.cos(turn), ops.sin(turn)
        x = ops.cast(inputs, turn.dtype)
        even, odd = x[..., 0::2], x[..., 1::2]  # (..., features / 2) each
        pairs = ops.stack([even * cos - odd * sin, even * sin + odd * cos], axis=-1)
        # Interleave the pairs: (..., features / 2, 2) becomes (..., features).
        return ops.cast(ops.reshape(pairs, ops.shape(inputs)), inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape, which is the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        return {**super().get_config(), "max_wavelength": self.max_wavelength}
