"""Scatter operation shared by the unpooling layers."""

from typing import Any

import keras

from tensorsmith.core.types import Tensor


def unpooled(updates: Tensor, mask: Tensor, size: tuple[Any, Any], dtype: str) -> Tensor:
    """Scatters the values of `updates` to the positions in `mask`, with zeros elsewhere.

    Args:
        updates: Values to scatter, a tensor of shape `(batch, height, width, channels)`.
        mask: Integer tensor with the shape of `updates`. Each entry is the index in the flattened output image to which
            the value is scattered.
        size: Height and width of the output images.
        dtype: Data type of the result.
    """
    updates = keras.ops.cast(updates, dtype)
    batch, *_, channels = keras.ops.shape(updates)
    height, width = size
    # Flat positions within each image: (batch, pooled height * pooled width * channels).
    positions = keras.ops.reshape(keras.ops.cast(mask, "int32"), (batch, -1))
    images = keras.ops.broadcast_to(keras.ops.arange(batch, dtype="int32")[:, None], keras.ops.shape(positions))
    # Pairs (image, position): a position outside of its image raises an error instead of addressing the next image.
    indices = keras.ops.stack([keras.ops.reshape(images, (-1,)), keras.ops.reshape(positions, (-1,))], 1)
    flat = keras.ops.scatter(indices, keras.ops.reshape(updates, (-1,)), (batch, height * width * channels))
    return keras.ops.reshape(flat, (batch, height, width, channels))
