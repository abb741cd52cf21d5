"""Undoing max pooling."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.unpooling import unpooled


@export
class MaxUnpooling2D(keras.layers.Layer):
    """Puts maxima back to where `tf.nn.max_pool_with_argmax` found them, with zeros around them.

    `MaxUnpooling2DV2` is told the size of what was pooled; this one takes the size that fits exactly, for strides s and
    the pool size k:

        size = (pooled - 1) s + k    with the padding "VALID"
        size = pooled s              with "SAME"

    Where windows overlap and share a maximum, it counts as often as it was found, as in TensorFlow Addons.

    Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014 (unpooling by switches).

    Args:
        pool_size: That of the pooling: an integer, or one for height and width each.
        strides: Those of the pooling, likewise.
        padding: "SAME" or "VALID", in capitals or not.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        updates: The maxima, a tensor of floating type.
        mask: Where they were, integers of the same shape: (row * width + column) * channels + channel in each picture.

    Input shape:
        Twice `(batch, height, width, channels)`.

    Output shape:
        `(batch, height, width, channels)`, larger.

    Raises:
        ValueError: `pool_size` or `strides` is neither a positive integer nor a pair of them, or `padding` is unknown.

    Example:
        >>> import tensorflow as tf
        >>> x = tf.reshape([1.0, 5.0, 2.0, 3.0, 4.0, 0.0, 7.0, 6.0], (1, 2, 4, 1))
        >>> maxima, places = tf.nn.max_pool_with_argmax(x, 2, 2, "SAME")
        >>> print(MaxUnpooling2D()(maxima, places)[0, :, :, 0].numpy())
        [[0. 5. 0. 0.]
         [0. 0. 7. 0.]]
    """

    def __init__(
        self,
        pool_size: int | Sequence[int] = (2, 2),
        strides: int | Sequence[int] = (2, 2),
        padding: str = "SAME",
        **kwargs: Any,
    ):
        pool_size, strides = plain((pool_size, strides))
        for name, value in (("pool_size", pool_size), ("strides", strides)):
            pair = (value, value) if isinstance(value, int) else value
            fits = isinstance(pair, list | tuple) and len(pair) == 2
            fits = fits and all(is_integer(size) and size > 0 for size in pair)
            check(fits, name, value, "a positive integer, or one for height and width each")
        known = isinstance(padding, str) and padding.upper() in ("SAME", "VALID")
        check(known, "padding", padding, "'SAME' or 'VALID'")
        super().__init__(autocast=False, **kwargs)  # places that come as floats must not become half types
        self.pool_size = [pool_size] * 2 if isinstance(pool_size, int) else list(pool_size)
        self.strides = [strides] * 2 if isinstance(strides, int) else list(strides)
        self.padding = padding.upper()

    def call(self, updates: Tensor, mask: Tensor) -> Tensor:
        """Puts the maxima back."""
        height, width = keras.ops.shape(updates)[1:3]
        return unpooled(updates, mask, self._size(height, width), self.compute_dtype)

    def _size(self, *pooled: int | Tensor | None) -> tuple[Any, ...]:
        """Height and width of what was pooled."""
        more = [0, 0] if self.padding == "SAME" else [k - s for k, s in zip(self.pool_size, self.strides, strict=True)]
        sizes = zip(pooled, self.strides, more, strict=True)
        return tuple(None if size is None else size * stride + add for size, stride, add in sizes)

    def compute_output_shape(self, updates_shape: Shape) -> Shape:  # Keras gives no mask's shape
        """That of what was pooled."""
        batch, height, width, channels = updates_shape
        return (batch, *self._size(height, width), channels)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {"pool_size": self.pool_size, "strides": self.strides, "padding": self.padding}
        return {**super().get_config(), **own}
