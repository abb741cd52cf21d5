"""Sinusoidal positional encoding."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_number, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.wavelengths import angles


@export
class SinusoidalPositionalEncoding(keras.layers.Layer):
    """Adds waves to a sequence, so that layers that know no order can tell its steps apart. Nothing is learned.

    Sequences may be of any length, as there is no table. With an odd number of features the last is a sine.

    Formula, for step p, and feature 2i or 2i + 1 of d:

        y[p, 2i] = x[p, 2i] + sin(p / max_wavelength^(2i / d))
        y[p, 2i + 1] = x[p, 2i + 1] + cos(p / max_wavelength^(2i / d))

    Source: Vaswani et al., "Attention Is All You Need", 2017.

    Args:
        max_wavelength: What the longest waves come near, divided by 2 pi; above 0.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of floating type.

    Input shape:
        `(batch, ..., steps, features)`.

    Output shape:
        The same as the input shape.

    Raises:
        ValueError: `max_wavelength` is no number above 0, or the number of features is not known.

    Example:
        >>> import keras
        >>> print(SinusoidalPositionalEncoding()(keras.ops.zeros((1, 2, 4))).numpy().round(2))
        [[[0.   1.   0.   1.  ]
          [0.84 0.54 0.01 1.  ]]]
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
        check(input_shape[-1] is not None, "inputs", tuple(input_shape), "a known number of features")

    def call(self, inputs: Tensor) -> Tensor:
        """Adds the waves."""
        inputs = floating(inputs, self.compute_dtype)
        features = inputs.shape[-1]
        waves = angles(ops.shape(inputs)[-2], features, self.max_wavelength, inputs.dtype)
        pairs = ops.stack([ops.sin(waves), ops.cos(waves)], axis=-1)
        encoding = ops.reshape(pairs, (-1, 2 * waves.shape[-1]))[:, :features]
        return inputs + ops.cast(encoding, inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "max_wavelength": self.max_wavelength}
