"""Integers as inputs."""

from typing import TypeVar

import keras

from tensorsmith.core.types import Tensor

Nest = TypeVar("Nest")


def floating(inputs: Nest, dtype: str | None = None) -> Nest:
    """Tensors, those of integers and booleans in a type of floats, as Keras' dense layer has it.

    Args:
        inputs: A tensor, or a nest of tensors and None.
        dtype: The type for these; None for Keras' default. Other tensors keep theirs.
    """

    def cast(x: Tensor | None) -> Tensor | None:
        if x is None:
            return None
        given = keras.backend.standardize_dtype(x.dtype)
        whole = given == "bool" or keras.backend.is_int_dtype(given)
        return keras.ops.cast(x, dtype or keras.config.floatx()) if whole else x

    return keras.tree.map_structure(cast, inputs)
