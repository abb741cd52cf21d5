"""What layers that undo max pooling share."""

from typing import Any

import keras

from tensorsmith.core.types import Tensor


def unpooled(updates: Tensor, mask: Tensor, size: tuple[Any, Any], dtype: str) -> Tensor:
    """Zeros with the numbers of `updates` at the places in `mask`, which count within each picture.

    Args:
        updates: Tensor (batch, height, width, channels).
        mask: Integers of the same shape.
        size: Height and width of the result.
        dtype: Type of the result.
    """
    updates = keras.ops.cast(updates, dtype)
    batch, *_, channels = keras.ops.shape(updates)
    height, width = size
    places = keras.ops.reshape(keras.ops.cast(mask, "int32"), (batch, -1))
    pictures = keras.ops.broadcast_to(keras.ops.arange(batch, dtype="int32")[:, None], keras.ops.shape(places))
    # Two numbers for a place, so that one beyond its picture is an error and not a place in the next.
    indices = keras.ops.stack([keras.ops.reshape(pictures, (-1,)), keras.ops.reshape(places, (-1,))], 1)
    flat = keras.ops.scatter(indices, keras.ops.reshape(updates, (-1,)), (batch, height * width * channels))
    return keras.ops.reshape(flat, (batch, height, width, channels))
