"""Max unpooling layer, the partial inverse of max pooling."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.unpooling import unpooled


@export
class MaxUnpooling2D(keras.layers.Layer):
    """Max unpooling layer: scatters values to the argmax positions of `tf.nn.max_pool_with_argmax`.

    The output size is the one that the pooling windows cover exactly, for strides s and pool size k. Use
    `MaxUnpooling2DV2` to specify the size of the original image.

        size = (pooled - 1) s + k    with the padding "VALID"
        size = pooled s              with "SAME"

    If overlapping windows share a maximum, it is added once for each window, as in TensorFlow Addons.

    Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014 (unpooling by switches).

    Args:
        pool_size: Integer or pair of integers, the pool size of the max pooling operation.
        strides: Integer or pair of integers, the strides of the max pooling operation.
        padding: `"SAME"` or `"VALID"`, the padding of the max pooling operation, case-insensitive.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        updates: Floating-point tensor of maxima.
        mask: Integer tensor of the same shape with the positions of the maxima, `(row * width + column) * channels +
            channel` within each image.

    Input shape:
        Two tensors of shape `(batch, height, width, channels)`.

    Output shape:
        `(batch, height, width, channels)`, with the unpooled height and width.

    Raises:
        ValueError: If `pool_size` or `strides` is not a positive integer or a pair of them, or `padding` is unknown.

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
            check(fits, name, value, "a positive integer or a pair of positive integers")
        known = isinstance(padding, str) and padding.upper() in ("SAME", "VALID")
        check(known, "padding", padding, "'SAME' or 'VALID'")
        super().__init__(autocast=False, **kwargs)  # positions given as floats must not be cast to half precision
        self.pool_size = [pool_size] * 2 if isinstance(pool_size, int) else list(pool_size)
        self.strides = [strides] * 2 if isinstance(strides, int) else list(strides)
        self.padding = padding.upper()

    def call(self, updates: Tensor, mask: Tensor) -> Tensor:
        """Scatters the maxima to their original positions."""
        height, width = keras.ops.shape(updates)[1:3]
        return unpooled(updates, mask, self._size(height, width), self.compute_dtype)

    def _size(self, *pooled: int | Tensor | None) -> tuple[Any, ...]:
        """Returns the height and width of the unpooled images, given the height and width of the pooled images."""
        more = [0, 0] if self.padding == "SAME" else [k - s for k, s in zip(self.pool_size, self.strides, strict=True)]
        sizes = zip(pooled, self.strides, more, strict=True)
        return tuple(None if size is None else size * stride + add for size, stride, add in sizes)

    def compute_output_shape(self, updates_shape: Shape) -> Shape:  # Keras does not pass the shape of the mask
        """Returns the output shape, with the height and width of the images before pooling."""
        batch, height, width, channels = updates_shape
        return (batch, *self._size(height, width), channels)

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {"pool_size": self.pool_size, "strides": self.strides, "padding": self.padding}
        return {**super().get_config(), **own}
