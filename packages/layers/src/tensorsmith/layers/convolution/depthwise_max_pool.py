"""Max pooling over channels on a compiled kernel."""

from typing import Any

import keras

from tensorsmith import ops
from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.kernel_layer import KernelLayer


@export
class DepthwiseMaxPool(KernelLayer, keras.layers.Layer):
    """The maximum over groups of neighbouring channels, at each position by itself.

    Where the filters before it learn one thing rotated, thickened or brightened, what follows becomes indifferent to
    that difference, as it becomes indifferent to small shifts by pooling over places. Formula, where `strides` is
    `pool_size`:

        y[..., i] = max(x[..., i * pool_size], ..., x[..., (i + 1) * pool_size - 1])

    Keras pools over places only, and TensorFlow over channels without a gradient on CPU.

    Source: Goodfellow et al., "Maxout Networks", 2013 (of which this is the part behind the linear layer).

    Args:
        pool_size: Channels of a group.
        strides: Channels from one group to the next; `pool_size` if None.
        padding: "valid" takes whole groups only; "same" gives channels / strides outputs, rounded up, with groups that
            are cut at both ends.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of floating type, with the channels last.

    Input shape:
        `(..., channels)`.

    Output shape:
        `(..., groups)`.

    Raises:
        ValueError: `pool_size` or `strides` is no positive integer, or `padding` is unknown.

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
        """Takes the maxima."""
        inputs = floating(inputs, self.compute_dtype)
        return ops.depthwise_max_pool(inputs, self.pool_size, self.strides, self.padding)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the inputs, with groups for channels."""
        *places, channels = input_shape
        if channels is None:
            return (*places, None)
        last = channels - (1 if self.padding == "same" else self.pool_size)  # where the last group may begin
        return (*places, max(last // (self.strides or self.pool_size) + 1, 0))

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {"pool_size": self.pool_size, "strides": self.strides, "padding": self.padding}
        return {**super().get_config(), **own}
