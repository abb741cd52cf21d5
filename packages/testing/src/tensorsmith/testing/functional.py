"""Functional model of a single layer."""

import keras

from tensorsmith.core.types import Tensor
from tensorsmith.testing.rows import Data, LayerRow


def functional(row: LayerRow, layer: keras.Layer, time: int | None = 0) -> keras.Model:
    """Returns a model of one layer, with unknown batch size.

    Args:
        row: Row of the layer.
        layer: The layer.
        time: Size of the time axis of the row: `None` if unknown, 0 to keep the size of the row.
    """

    def tensor(data: Data) -> Tensor:
        shape: list[int | None] = list(data.shape)
        if time != 0 and row.time_axis is not None:
            shape[row.time_axis - 1] = time
        return keras.Input(shape, dtype=data.dtype)

    arguments = keras.tree.map_structure(tensor, row.arguments)
    return keras.Model(keras.tree.flatten(arguments), keras.tree.flatten(layer(*arguments)))
