"""Minibatch standard deviation layer for GAN discriminators."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class MinibatchStandardDeviation(keras.layers.Layer):
    """Minibatch standard deviation: appends a channel with the standard deviation over the examples of a batch.

    In the discriminator of a GAN, it encourages the generator to produce varied images. The added channel is constant.
    Formula, with the variance over the examples of a group, for each position and channel, and the mean over positions
    and channels:

        s = mean(sqrt(variance(x) + epsilon))

    With `across_channels`, the variance is over the examples and channels of a group instead, for each position.

    Examples are distributed over the groups in turn. The number of groups is the smallest for which no group exceeds
    `group_size`. If `group_size` divides the batch size, this is equivalent to the implementation of the authors; other
    batch sizes are supported as well.

    Source: Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", 2018.

    Args:
        group_size: Positive integer, the maximum group size. If `None`, the batch is a single group, as described in
            the paper. The official implementation uses 4.
        epsilon: Small positive float added to the variance, which keeps the gradient of the square root finite.
        across_channels: If `True`, the variance is computed over examples and channels.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Floating-point tensor. The statistics are computed in float32 for half-precision inputs.

    Input shape:
        `(batch, ..., channels)`, with known sizes except for the batch. For images: `(batch, height, width, channels)`.

    Output shape:
        Same shape as the input, with one more channel.

    Raises:
        ValueError: If `group_size` is not a positive integer, `epsilon` is not positive, or a size is unknown.

    Example:
        >>> import numpy as np
        >>> x = np.array([[[[1.0, 0.0]]], [[[3.0, 0.0]]]])  # deviations 1 and 0
        >>> print(MinibatchStandardDeviation()(x).numpy().reshape((2, 3)).round(3))
        [[1.  0.  0.5]
         [3.  0.  0.5]]
    """

    def __init__(self, group_size: int | None = 4, epsilon: float = 1e-8, across_channels: bool = False, **kwargs: Any):
        fits = group_size is None or (is_integer(group_size) and group_size > 0)
        check(fits, "group_size", group_size, "a positive integer or None")
        check(is_number(epsilon) and epsilon > 0, "epsilon", epsilon, "a positive number")
        check(isinstance(across_channels, bool), "across_channels", across_channels, "True or False")
        group_size, epsilon = plain((group_size, epsilon))
        super().__init__(**kwargs)
        self.group_size = group_size
        self.epsilon = epsilon
        self.across_channels = across_channels

    def build(self, input_shape: Shape) -> None:
        """Validates the input shape."""
        fits = len(input_shape) > 1 and None not in input_shape[1:]
        check(fits, "inputs", tuple(input_shape), "have a known shape except for the batch axis")

    def call(self, inputs: Tensor) -> Tensor:
        """Appends the standard deviation as a channel."""
        inputs = floating(inputs, self.compute_dtype)
        batch = ops.shape(inputs)[0]
        # Example i belongs to group i modulo the number of groups.
        groups = 1 if self.group_size is None else -(-batch // self.group_size)
        group = ops.arange(batch) % groups
        wide = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        flat = ops.reshape(wide, (batch, -1, inputs.shape[-1]))  # (batch, positions, channels)
        # Number of examples in each group, (groups, 1, 1). The groups differ in size by at most one.
        sizes = ops.segment_sum(ops.ones_like(flat[:, :1, :1]), group, groups)

        def mean(x: Tensor) -> Tensor:
            """Returns the mean over the group of each example."""
            if self.across_channels:
                x = ops.mean(x, axis=-1, keepdims=True)
            return ops.take(ops.segment_sum(x, group, groups) / sizes, group, axis=0)

        # Variance of each element within the group of the example: (batch, positions, channels or 1).
        variances = mean(ops.square(flat - mean(flat)))
        # One number per example, which is equal within a group: (batch,).
        spread = ops.mean(ops.sqrt(variances + self.epsilon), axis=(1, 2))
        spread = ops.reshape(ops.cast(spread, inputs.dtype), (-1, *[1] * (len(inputs.shape) - 1)))
        return ops.concatenate([inputs, ops.broadcast_to(spread, (batch, *inputs.shape[1:-1], 1))], axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape: the input shape with one more channel."""
        channels: Any = input_shape[-1]
        return (*input_shape[:-1], channels + 1)

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {"group_size": self.group_size, "epsilon": self.epsilon, "across_channels": self.across_channels}
        return {**super().get_config(), **own}
