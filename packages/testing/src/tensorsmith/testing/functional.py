"""Functional models that contain a single layer."""

import keras

from tensorsmith.core.types import Tensor
from tensorsmith.testing.rows import Data, LayerRow


def functional(row: LayerRow, layer: keras.Layer, time: int | None = 0) -> keras.Model:
    """Returns a functional model that consists of a single layer and has an unknown batch size.

    Args:
        row: Conformance table row of the layer.
        layer: Layer to wrap in a model.
        time: Size of the time axis. `None` if the size is unknown, or 0 to use the size specified by the row.
    """

    def tensor(data: Data) -> Tensor:
        shape: list[int | None] = list(data.shape)
        if time != 0 and row.time_axis is not None:
            shape[row.time_axis - 1] = time
        return keras.Input(shape, dtype=data.dtype)

    arguments = keras.tree.map_structure(tensor, row.arguments)
    return keras.Model(keras.tree.flatten(arguments), keras.tree.flatten(row.outputs(layer, *arguments)))
