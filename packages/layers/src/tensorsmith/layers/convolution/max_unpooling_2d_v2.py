"""Undoing max pooling, to a given size."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.unpooling import unpooled


@export
class MaxUnpooling2DV2(keras.layers.Layer):
    """Puts maxima back to where `tf.nn.max_pool_with_argmax` found them, in pictures of a given size.

    Several sizes are pooled to one; `MaxUnpooling2D` takes the one that fits exactly. Where windows overlap and share a
    maximum, it counts as often as it was found, as in TensorFlow Addons.

    Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014 (unpooling by switches).

    Args:
        output_size: The shape (batch, height, width, channels) of what was pooled. Batch and channels are those of the
            inputs, whatever is given for them, so that None does.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        updates: The maxima, a tensor of floating type.
        mask: Where they were, integers of the same shape: (row * width + column) * channels + channel in each picture.

    Input shape:
        Twice `(batch, height, width, channels)`.

    Output shape:
        `(batch, height, width, channels)`, larger.

    Raises:
        ValueError: `output_size` is not four numbers with a height and a width.

    Example:
        >>> import tensorflow as tf
        >>> x = tf.reshape([1.0, 5.0, 2.0, 3.0, 4.0, 0.0], (1, 2, 3, 1))
        >>> maxima, places = tf.nn.max_pool_with_argmax(x, 2, 2, "SAME")
        >>> print(MaxUnpooling2DV2((None, 2, 3, None))(maxima, places)[0, :, :, 0].numpy())
        [[0. 5. 2.]
         [0. 0. 0.]]
    """

    def __init__(self, output_size: Sequence[int | None], **kwargs: Any):
        fits = isinstance(output_size, list | tuple) and len(output_size) == 4
        fits = fits and all(size is not None and is_integer(size) and size > 0 for size in output_size[1:3])
        check(fits, "output_size", output_size, "the four numbers (batch, height, width, channels)")
        output_size = plain(output_size)
        super().__init__(autocast=False, **kwargs)  # places that come as floats must not become half types
        self.output_size = list(output_size)

    def call(self, updates: Tensor, mask: Tensor) -> Tensor:
        """Puts the maxima back."""
        _, height, width, _ = self.output_size
        return unpooled(updates, mask, (height, width), self.compute_dtype)

    def compute_output_shape(self, updates_shape: Shape) -> Shape:  # Keras gives no mask's shape
        """That of what was pooled."""
        return (updates_shape[0], *self.output_size[1:3], updates_shape[3])

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "output_size": self.output_size}
