"""Batch normalization of several axes."""

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
    """Keras' batch normalization, which also takes several axes: then each place along them has statistics of its own.

    `keras.layers.BatchNormalization` took a list of axes before Keras 3. With one axis this is the same layer. With
    `axis=[1, 2]`, pictures of 28 x 28 pixels have 784 means and variances, one for each pixel.

    Formula, with the mean and the variance over all other axes, in training those of the batch:

        y = gamma * (x - mean) / sqrt(variance + epsilon) + beta

    Source: Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
    Shift", 2015.

    Args:
        axis: The axis, or the axes, that keep statistics of their own; not 0, which is the batch's.
        **kwargs: The other arguments of `keras.layers.BatchNormalization`: `momentum`, `epsilon`, `center`, `scale`,
            initializers, regularizers, constraints, `synchronized`, `name`, `dtype`, `trainable`.

    Call arguments:
        inputs: Tensor of floating type. It is normalized in float32 for half types.
        training: Whether statistics are those of the batch.
        mask: Booleans of the inputs' shape without the last axis; with several axes there may be none.

    Input shape:
        Any, with known sizes along the axes.

    Output shape:
        The same as the input shape. Weights are vectors; with several axes the last of them moves fastest.

    Raises:
        ValueError: `axis` is no integer other than 0 and no sequence of different ones, a size along them is unknown,
            or there is a mask with several.

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
        check(fits, "axis", axis, "an integer other than 0, or a sequence of different ones")
        super().__init__(plain(axes[0]) if len(axes) == 1 else -1, **kwargs)
        self.axes = plain(axes)

    def build(self, input_shape: Shape) -> None:
        """Makes the weights."""
        if len(self.axes) == 1:
            super().build(input_shape)
            return
        rank = len(input_shape)
        self.places = sorted(each % rank for each in self.axes)
        sizes = [input_shape[place] for place in self.places]
        fits = None not in sizes and 0 not in self.places and len(set(self.places)) == len(sizes)
        check(fits, "inputs", tuple(input_shape), f"known sizes along the axes {self.axes}, none of them the batch's")
        super().build((None, math.prod(sizes)))
        self.input_spec = keras.layers.InputSpec(ndim=rank, axes=dict(zip(self.places, sizes, strict=True)))

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None) -> Tensor:
        """Normalizes."""
        inputs = floating(inputs, self.compute_dtype)
        if len(self.axes) == 1:
            return super().call(inputs, training=training, mask=mask)
        received = Verbatim("None" if mask is None else f"one of shape {tuple(mask.shape)}")
        check(mask is None, "mask", received, "none with several axes", "take one axis")
        last = list(range(-len(self.places), 0))
        x = ops.moveaxis(inputs, self.places, last)
        y = super().call(ops.reshape(x, (-1, self.moving_mean.shape[0])), training=training)
        return ops.moveaxis(ops.reshape(y, ops.shape(x)), last, self.places)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "axis": self.axes[0] if len(self.axes) == 1 else self.axes}
