"""Scatter operation shared by the unpooling layers."""

from typing import Any

import keras

from tensorsmith.core.types import Tensor


def unpooled(updates: Tensor, mask: Tensor, size: tuple[Any, Any], dtype: str) -> Tensor:
    """Returns zeros with the values of `updates` scattered to the positions in `mask`.

    Args:
        updates: Tensor of shape `(batch, height, width, channels)`.
        mask: Integer tensor of the same shape, with flat indices within each image.
        size: Height and width of the result.
        dtype: Data type of the result.
    """
    updates = keras.ops.cast(updates, dtype)
    batch, *_, channels = keras.ops.shape(updates)
    height, width = size
    places = keras.ops.reshape(keras.ops.cast(mask, "int32"), (batch, -1))
    pictures = keras.ops.broadcast_to(keras.ops.arange(batch, dtype="int32")[:, None], keras.ops.shape(places))
    # Pairs (image, position): a position outside of its image raises an error instead of addressing the next image.
    indices = keras.ops.stack([keras.ops.reshape(pictures, (-1,)), keras.ops.reshape(places, (-1,))], 1)
    flat = keras.ops.scatter(indices, keras.ops.reshape(updates, (-1,)), (batch, height * width * channels))
    return keras.ops.reshape(flat, (batch, height, width, channels))
