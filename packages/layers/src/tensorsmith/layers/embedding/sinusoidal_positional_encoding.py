"""Layer that adds a sinusoidal positional encoding to sequences."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_number, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.wavelengths import angles


@export
class SinusoidalPositionalEncoding(keras.layers.Layer):
    """Sinusoidal positional encoding: adds sine and cosine waves of different wavelengths to a sequence.

    It allows layers that are invariant to the order of steps, such as attention, to use their positions. The layer has
    no weights, and sequences may have any length. With an odd number of features, the last one is a sine.

    Formula, for step p and the features 2i and 2i + 1 of d:

        y[p, 2i] = x[p, 2i] + sin(p / max_wavelength^(2i / d))
        y[p, 2i + 1] = x[p, 2i + 1] + cos(p / max_wavelength^(2i / d))

    Source: Vaswani et al., "Attention Is All You Need", 2017.

    Args:
        max_wavelength: Positive float. The wavelengths of the sinusoids are at most `2 * pi * max_wavelength`.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input tensor of floating-point type.

    Input shape:
        `(batch, ..., steps, features)`.

    Output shape:
        Same shape as the input.

    Raises:
        ValueError: If `max_wavelength` is not a positive number, or the number of features is unknown.

    Example:
        >>> import keras
        >>> print(SinusoidalPositionalEncoding()(keras.ops.zeros((1, 2, 4))).numpy().round(2))
        [[[0.   1.   0.   1.  ]
          [0.84 0.54 0.01 1.  ]]]
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
        check(input_shape[-1] is not None, "inputs", tuple(input_shape), "have a known number of features")

    def call(self, inputs: Tensor) -> Tensor:
        """Adds the encoding to the inputs."""
        inputs = floating(inputs, self.compute_dtype)
        features = inputs.shape[-1]
        waves = angles(ops.shape(inputs)[-2], features, self.max_wavelength, inputs.dtype)
        pairs = ops.stack([ops.sin(waves), ops.cos(waves)], axis=-1)  # (steps, pairs of features, 2)
        # Interleave sines and cosines. With an odd number of features, the last cosine is dropped.
        encoding = ops.reshape(pairs, (-1, 2 * waves.shape[-1]))[:, :features]
        return inputs + ops.cast(encoding, inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape, which is the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        return {**super().get_config(), "max_wavelength": self.max_wavelength}
