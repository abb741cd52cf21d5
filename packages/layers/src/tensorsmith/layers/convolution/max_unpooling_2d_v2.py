"""Max unpooling layer with a specified output size."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.unpooling import unpooled


@export
class MaxUnpooling2DV2(keras.layers.Layer):
    """Max unpooling layer with a given output size, for results of `tf.nn.max_pool_with_argmax`.

    All other positions are zero. Several image sizes result in the same pooled size, so that the size is an argument of
    this layer. `MaxUnpooling2D` uses the size that the pooling windows cover exactly. If overlapping windows share a
    maximum, it is added once for each window, as in TensorFlow Addons.

    Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014 (unpooling by switches).

    Args:
        output_size: Shape `(batch, height, width, channels)` of the images before pooling. The batch size and the
            number of channels may be `None`, because they are determined by the inputs.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        updates: Floating-point tensor of maxima.
        mask: Integer tensor of the same shape with the positions of the maxima, `(row * width + column) * channels +
            channel` within each image.

    Input shape:
        Two tensors of shape `(batch, height, width, channels)`.

    Output shape:
        `(batch, height, width, channels)`, with the height and width of `output_size`.

    Raises:
        ValueError: If `output_size` does not have four elements with a positive height and width.

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
        check(
            fits,
            "output_size",
            output_size,
            "a sequence (batch, height, width, channels) with positive integers for height and width",
        )
        output_size = plain(output_size)
        super().__init__(autocast=False, **kwargs)  # positions given as floats must not be cast to half precision
        self.output_size = list(output_size)

    def call(self, updates: Tensor, mask: Tensor) -> Tensor:
        """Scatters the maxima to their original positions."""
        _, height, width, _ = self.output_size
        return unpooled(updates, mask, (height, width), self.compute_dtype)

    def compute_output_shape(self, updates_shape: Shape) -> Shape:  # Keras does not pass the shape of the mask
        """Returns the output shape, with the height and width in `output_size`."""
        return (updates_shape[0], *self.output_size[1:3], updates_shape[3])

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        return {**super().get_config(), "output_size": self.output_size}
