"""Layer for max pooling over channels, with a compiled kernel."""

from typing import Any

import keras

from tensorsmith import ops
from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.kernel_layer import KernelLayer


@export
class DepthwiseMaxPool(KernelLayer, keras.layers.Layer):
    """Layer for max pooling over groups of adjacent channels at each spatial position.

    If the preceding filters learn variants of one feature, such as rotations, thicknesses or brightness levels, the
    output is invariant to these variations, in the same way as spatial pooling is invariant to small shifts. Formula,
    if `strides` is equal to `pool_size`:

        y[..., i] = max(x[..., i * pool_size], ..., x[..., (i + 1) * pool_size - 1])

    Keras only pools over spatial axes. TensorFlow pools over channels, but without a gradient on CPU.

    Source: Goodfellow et al., "Maxout Networks", 2013 (the maximum after the linear layer).

    Args:
        pool_size: Integer, the number of channels in a group.
        strides: Integer, the distance between adjacent groups. If `None`, `pool_size` is used.
        padding: `"valid"` or `"same"`. `"valid"` uses only complete groups. `"same"` results in `channels / strides`
            output channels, rounded up, and may truncate the first and last groups.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Floating-point tensor in the format `"channels_last"`.

    Input shape:
        `(..., channels)`.

    Output shape:
        `(..., groups)`.

    Raises:
        ValueError: If `pool_size` or `strides` is not a positive integer, or `padding` is unknown.

    Example:
        >>> import numpy as np
        >>> x = np.array([[1.0, 5.0, 2.0, 4.0, 3.0, 0.0]])
        >>> print(DepthwiseMaxPool(2)(x).numpy())
        [[5. 4. 3.]]
    """

    def __init__(self, pool_size: int, strides: int | None = None, padding: str = "valid", **kwargs: Any):
        check(is_integer(pool_size) and pool_size > 0, "pool_size", pool_size, "a positive integer")
        fits = strides is None or (is_integer(strides) and strides > 0)
        check(fits, "strides", strides, "a positive integer or None")
        check(padding in ("valid", "same"), "padding", padding, "'valid' or 'same'")
        pool_size, strides = plain((pool_size, strides))
        super().__init__(**kwargs)
        self.supports_masking = True
        self.pool_size = pool_size
        self.strides = strides
        self.padding = padding

    def call(self, inputs: Tensor) -> Tensor:
        """Computes the maximum of each group of channels."""
        inputs = floating(inputs, self.compute_dtype)
        return ops.depthwise_max_pool(inputs, self.pool_size, self.strides, self.padding)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape: the input shape with one channel for each group."""
        *positions, channels = input_shape
        if channels is None:
            return (*positions, None)
        last = channels - (1 if self.padding == "same" else self.pool_size)  # first channel of the last group
        return (*positions, max(last // (self.strides or self.pool_size) + 1, 0))

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {"pool_size": self.pool_size, "strides": self.strides, "padding": self.padding}
        return {**super().get_config(), **own}
