"""Batch normalization layer with support for several axes."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tensorsmith.core import Verbatim, check, export, is_integer, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization layer of Keras with support for several axes, as in Keras 2.

    With several axes, each position along them has its own statistics. `keras.layers.BatchNormalization` accepted a
    list of axes before Keras 3. With one axis, the two layers are equivalent. With `axis=[1, 2]`, images of 28 x 28
    pixels have 784 means and variances, one for each pixel.

    Formula, with the mean and the variance over all other axes (of the batch during training, otherwise moving
    averages):

        y = gamma * (x - mean) / sqrt(variance + epsilon) + beta

    Source: Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
    Shift", 2015.

    Args:
        axis: Integer or sequence of integers, the axis or axes that have separate statistics for each index, usually
            the feature axis. The batch axis 0 is not allowed.
        **kwargs: Other arguments of `keras.layers.BatchNormalization`: `momentum`, `epsilon`, `center`, `scale`,
            initializers, regularizers, constraints, `synchronized`, `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Floating-point tensor. Half-precision inputs are normalized in float32.
        training: If `True`, normalize with the statistics of the current batch. Otherwise, use the moving statistics.
        mask: Boolean tensor of the shape of the inputs without the last axis. Not supported with several axes.

    Input shape:
        Arbitrary, with known sizes along `axis`.

    Output shape:
        Same shape as the input. Weights are vectors; with several axes they are flattened in row-major order.

    Raises:
        ValueError: If `axis` is not a nonzero integer or a sequence of distinct ones, a size along `axis` is unknown,
            or a mask is passed with several axes.

    Example:
        >>> import keras
        >>> layer = BatchNormalization(axis=[1, 2])
        >>> y = layer(keras.random.normal((32, 28, 28)), training=True)
        >>> layer.moving_mean.shape
        TensorShape([784])
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any):
        axes = list(axis) if isinstance(axis, list | tuple) else [axis]
        fits = bool(axes) and all(is_integer(each) and each != 0 for each in axes) and len(set(axes)) == len(axes)
        check(fits, "axis", axis, "a nonzero integer or a sequence of distinct nonzero integers")
        super().__init__(plain(axes[0]) if len(axes) == 1 else -1, **kwargs)
        self.axes = plain(axes)

    def build(self, input_shape: Shape) -> None:
        """Creates the weights of the layer."""
        if len(self.axes) == 1:
            super().build(input_shape)
            return
        rank = len(input_shape)
        self.positions = sorted(each % rank for each in self.axes)
        sizes = [input_shape[position] for position in self.positions]
        fits = None not in sizes and 0 not in self.positions and len(set(self.positions)) == len(sizes)
        check(
            fits,
            "inputs",
            tuple(input_shape),
            f"have statically known sizes along the axes {self.axes}, which must exclude the batch axis",
        )
        # Keras creates one mean and variance for each position along the merged axes.
        super().build((None, math.prod(sizes)))
        self.input_spec = keras.layers.InputSpec(ndim=rank, axes=dict(zip(self.positions, sizes, strict=True)))

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None) -> Tensor:
        """Normalizes the inputs."""
        inputs = floating(inputs, self.compute_dtype)
        if len(self.axes) == 1:
            return super().call(inputs, training=training, mask=mask)
        received = Verbatim("None" if mask is None else f"a mask of shape {tuple(mask.shape)}")
        check(
            mask is None, "mask", received, "None if `axis` contains several axes", "pass a single `axis` to the layer"
        )
        last = list(range(-len(self.positions), 0))
        # Merge the axes into one, so that Keras normalizes over a single feature axis.
        x = ops.moveaxis(inputs, self.positions, last)
        y = super().call(ops.reshape(x, (-1, self.moving_mean.shape[0])), training=training)
        return ops.moveaxis(ops.reshape(y, ops.shape(x)), last, self.positions)

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        return {**super().get_config(), "axis": self.axes[0] if len(self.axes) == 1 else self.axes}
