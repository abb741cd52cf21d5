"""Minibatch standard deviation."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class MinibatchStandardDeviation(keras.layers.Layer):
    """Adds a map that tells a discriminator how much the pictures of a batch differ, so that generators vary theirs.

    The map has one number everywhere. Formula, with the variance over the examples of a group, for each place and
    channel, and the mean over places and channels:

        s = mean(sqrt(variance(x) + epsilon))

    Examples are dealt out to the groups in turn, as few groups as keep them at `group_size` or below; where the size
    divides the batch this is what the authors' program does, and any other batch works as well.

    Source: Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", 2018.

    Args:
        group_size: Most examples in a group; None takes the batch as one group, as the paper says. The authors'
            program has 4.
        epsilon: What keeps the root's slope finite, above 0.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of floating type. The statistics are in float32 for half types.

    Input shape:
        `(batch, ..., channels)`, all sizes but the batch's known; for pictures `(batch, height, width, channels)`.

    Output shape:
        The same as the input shape, with one channel more.

    Raises:
        ValueError: `group_size` is no positive integer, `epsilon` is not above 0, or a size is unknown.

    Example:
        >>> import numpy as np
        >>> x = np.array([[[[1.0, 0.0]]], [[[3.0, 0.0]]]])  # deviations 1 and 0
        >>> print(MinibatchStandardDeviation()(x).numpy().reshape((2, 3)).round(3))
        [[1.  0.  0.5]
         [3.  0.  0.5]]
    """

    def __init__(self, group_size: int | None = 4, epsilon: float = 1e-8, **kwargs: Any):
        fits = group_size is None or (is_integer(group_size) and group_size > 0)
        check(fits, "group_size", group_size, "a positive integer or None")
        check(is_number(epsilon) and epsilon > 0, "epsilon", epsilon, "a number above 0")
        group_size, epsilon = plain((group_size, epsilon))
        super().__init__(**kwargs)
        self.group_size = group_size
        self.epsilon = epsilon

    def build(self, input_shape: Shape) -> None:
        """Looks at the sizes."""
        fits = len(input_shape) > 1 and None not in input_shape[1:]
        check(fits, "inputs", tuple(input_shape), "known sizes, but for the batch's")

    def call(self, inputs: Tensor) -> Tensor:
        """Puts the map behind the others."""
        inputs = floating(inputs, self.compute_dtype)
        batch = ops.shape(inputs)[0]
        groups = 1 if self.group_size is None else -(-batch // self.group_size)
        group = ops.arange(batch) % groups
        wide = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        flat = ops.reshape(wide, (batch, -1))
        sizes = ops.segment_sum(ops.ones_like(flat[:, :1]), group, groups)

        def mean(x: Tensor) -> Tensor:
            """Of each example's group."""
            return ops.take(ops.segment_sum(x, group, groups) / sizes, group, axis=0)

        variances = mean(ops.square(flat - mean(flat)))
        spread = ops.mean(ops.sqrt(variances + self.epsilon), axis=1)
        spread = ops.reshape(ops.cast(spread, inputs.dtype), (-1, *[1] * (len(inputs.shape) - 1)))
        return ops.concatenate([inputs, ops.broadcast_to(spread, (batch, *inputs.shape[1:-1], 1))], axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs, with one channel more."""
        channels: Any = input_shape[-1]
        return (*input_shape[:-1], channels + 1)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "group_size": self.group_size, "epsilon": self.epsilon}
