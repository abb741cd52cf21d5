"""WaveNet block, a layer of dilated causal convolutions."""

from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Initializer, Regularizer, Shape, Tensor
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.fresh import fresh
from tensorsmith.layers.convolution.gated_activation_unit import GatedActivationUnit


@export
class WaveNetBlock(keras.layers.Layer):
    """Block of dilated causal convolutions with gated activations, residual and skip connections.

    The dilation doubles from layer to layer. With the default 10 layers, the dilations are 1, 2, 4, ..., 512 and the
    receptive field is 1024 steps, as that of one convolution with a kernel size of 1024. No output depends on later
    inputs. Blocks are stacked by their first outputs, and the output of the network is computed from the sum of their
    second outputs. If the first output of the last block is not used, Keras warns in training that its last residual
    convolution has no gradient.

    Formula, for i = 0 ... num_layers - 1, with x initially the inputs:

        z = GatedActivationUnit(convolution(x, 2 filters, kernel_size, dilation 2^i))
        x = x + convolution(z, filters, 1)
        skip = skip + convolution(z, skip_filters, 1)

    Source: van den Oord et al., "WaveNet: A Generative Model for Raw Audio", 2016.

    Args:
        filters: Integer, the number of features of the inputs and of the residual output. If the inputs have another
            number of features, apply a convolution with a kernel size of 1 before this layer.
        num_layers: Integer, the number of dilated convolutions.
        kernel_size: Integer of 2 or more, the kernel size of the dilated convolutions.
        skip_filters: Integer, the number of features of the skip output. If `None`, `filters` is used.
        kernel_initializer: Initializer for the kernels of all convolutions.
        kernel_regularizer: Regularizer for the kernels of all convolutions.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input tensor of floating-point type.

    Input shape:
        `(batch, steps, filters)`.

    Output shape:
        `(batch, steps, filters)` and `(batch, steps, skip_filters)`.

    Raises:
        ValueError: If a number is not a positive integer, `kernel_size` is 1, or the inputs do not have `filters`
            features.

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
        check(is_integer(kernel_size) and kernel_size > 1, "kernel_size", kernel_size, "an integer >= 2")
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
        """Number of input steps that affect an output step."""
        # The dilations 1, 2, ..., 2^(n - 1) add up to 2^n - 1.
        return 1 + (self.kernel_size - 1) * (2**self.num_layers - 1)

    def build(self, input_shape: Shape) -> None:
        """Creates the convolutions."""
        check(
            input_shape[-1] == self.filters,
            "inputs",
            tuple(input_shape),
            f"have {self.filters} features to match `filters`",
        )
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
        """Computes the residual output and the sum of the skip outputs."""
        inputs = floating(inputs, self.compute_dtype)
        x, skips = inputs, []
        for dilated, residual, skip in zip(self.dilated, self.residual, self.skip, strict=True):
            # The dilated convolution has twice the filters, which the gate halves.
            z = self.gate(dilated(x))
            x = x + residual(z)
            skips.append(skip(z))
        # With the first output as the start, no integer 0 is added to a tensor.
        return x, sum(skips[1:], skips[0])

    def compute_mask(self, inputs: Tensor, previous_mask: Tensor | None = None) -> tuple[Tensor | None, Tensor | None]:
        """Returns the mask of the inputs, once for each output."""
        return previous_mask, previous_mask

    def compute_output_shape(self, input_shape: Shape) -> tuple[Shape, Shape]:
        """Returns the shapes of both outputs."""
        return (*input_shape[:-1], self.filters), (*input_shape[:-1], self.skip_filters or self.filters)

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {
            "filters": self.filters,
            "num_layers": self.num_layers,
            "kernel_size": self.kernel_size,
            "skip_filters": self.skip_filters,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
        return {**super().get_config(), **own}
