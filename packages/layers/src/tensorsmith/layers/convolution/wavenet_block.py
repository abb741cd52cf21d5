"""A block of WaveNet."""

from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Initializer, Regularizer, Shape, Tensor
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.fresh import fresh
from tensorsmith.layers.convolution.gated_activation_unit import GatedActivationUnit


@export
class WaveNetBlock(keras.layers.Layer):
    """Causal convolutions of which each looks twice as far back as the one before: few of them see long sequences.

    By default 10 of them, with dilations 1, 2, 4 ... 512, see 1024 steps, as one convolution with a kernel of 1024
    does. No output depends on a later input. Blocks follow each other by their first outputs; the network's output is
    made of the sum of their second ones. The last block's first output may stay unused; Keras then warns in training
    that the convolution before it has no gradient.

    Formula, for i = 0 ... num_layers - 1, with x to begin with:

        z = GatedActivationUnit(convolution(x, 2 filters, kernel_size, dilation 2^i))
        x = x + convolution(z, filters, 1)
        skip = skip + convolution(z, skip_filters, 1)

    Source: van den Oord et al., "WaveNet: A Generative Model for Raw Audio", 2016.

    Args:
        filters: Number of features, of the inputs as well: let a convolution with a kernel of 1 come before.
        num_layers: Number of dilated convolutions.
        kernel_size: Their kernel size, from 2.
        skip_filters: Features of the second output; as many as `filters` if None.
        kernel_initializer: Initializer of all kernels.
        kernel_regularizer: Regularizer of all kernels.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of floating type.

    Input shape:
        `(batch, steps, filters)`.

    Output shape:
        `(batch, steps, filters)` and `(batch, steps, skip_filters)`.

    Raises:
        ValueError: A number is no positive integer, `kernel_size` is 1, or the inputs do not have `filters` features.

    Example:
        >>> import keras
        >>> block = WaveNetBlock(4, num_layers=3, skip_filters=5)
        >>> x, skip = block(keras.ops.ones((1, 20, 4)))
        >>> x.shape.as_list(), skip.shape.as_list(), block.receptive_field
        ([1, 20, 4], [1, 20, 5], 8)
    """

    def __init__(
        self,
        filters: int,
        num_layers: int = 10,
        kernel_size: int = 2,
        skip_filters: int | None = None,
        kernel_initializer: Initializer = "glorot_uniform",
        kernel_regularizer: Regularizer | None = None,
        **kwargs: Any,
    ):
        check(is_integer(filters) and filters > 0, "filters", filters, "a positive integer")
        check(is_integer(num_layers) and num_layers > 0, "num_layers", num_layers, "a positive integer")
        check(is_integer(kernel_size) and kernel_size > 1, "kernel_size", kernel_size, "an integer of 2 or more")
        fits = skip_filters is None or (is_integer(skip_filters) and skip_filters > 0)
        check(fits, "skip_filters", skip_filters, "a positive integer or None")
        filters, num_layers, kernel_size, skip_filters = plain((filters, num_layers, kernel_size, skip_filters))
        super().__init__(**kwargs)
        self.supports_masking = True
        self.filters = filters
        self.num_layers = num_layers
        self.kernel_size = kernel_size
        self.skip_filters = skip_filters
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    @property
    def receptive_field(self) -> int:
        """How many steps of the inputs an output depends on."""
        return 1 + (self.kernel_size - 1) * (2**self.num_layers - 1)

    def build(self, input_shape: Shape) -> None:
        """Makes the convolutions."""
        check(input_shape[-1] == self.filters, "inputs", tuple(input_shape), f"{self.filters} features, as `filters`")
        gated = (*input_shape[:-1], self.filters)
        self.dilated = [
            self._convolution(2 * self.filters, input_shape, self.kernel_size, dilation_rate=2**i, padding="causal")
            for i in range(self.num_layers)
        ]
        self.gate = GatedActivationUnit(dtype=self.dtype_policy)
        self.residual = [self._convolution(self.filters, gated) for _ in range(self.num_layers)]
        self.skip = [self._convolution(self.skip_filters or self.filters, gated) for _ in range(self.num_layers)]

    def _convolution(self, filters: int, input_shape: Shape, kernel_size: int = 1, **options: Any) -> keras.Layer:
        layer = keras.layers.Conv1D(
            filters,
            kernel_size,
            data_format="channels_last",
            kernel_initializer=fresh(self.kernel_initializer),
            kernel_regularizer=self.kernel_regularizer,
            dtype=self.dtype_policy,
            **options,
        )
        layer.build(input_shape)
        return layer

    def call(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """The residual output and the sum of the skip outputs."""
        inputs = floating(inputs, self.compute_dtype)
        x, skips = inputs, []
        for dilated, residual, skip in zip(self.dilated, self.residual, self.skip, strict=True):
            z = self.gate(dilated(x))
            x = x + residual(z)
            skips.append(skip(z))
        return x, sum(skips[1:], skips[0])

    def compute_mask(self, inputs: Tensor, previous_mask: Tensor | None = None) -> tuple[Tensor | None, Tensor | None]:
        """That of the inputs, for both outputs."""
        return previous_mask, previous_mask

    def compute_output_shape(self, input_shape: Shape) -> tuple[Shape, Shape]:
        """Of both outputs."""
        return (*input_shape[:-1], self.filters), (*input_shape[:-1], self.skip_filters or self.filters)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {
            "filters": self.filters,
            "num_layers": self.num_layers,
            "kernel_size": self.kernel_size,
            "skip_filters": self.skip_filters,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
        return {**super().get_config(), **own}
