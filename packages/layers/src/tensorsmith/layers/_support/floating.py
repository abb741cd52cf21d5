"""Integers as inputs."""

from typing import Any

import keras


def floating(inputs: Any, dtype: str | None = None) -> Any:
    """Tensors, those of integers and booleans in a type of floats, as Keras' dense layer has it.

    Args:
        inputs: A tensor, or a nest of tensors and None.
        dtype: The type for these; None for Keras' default. Other tensors keep theirs.
    """

    def cast(x: Any) -> Any:
        if x is None:
            return None
        given = keras.backend.standardize_dtype(x.dtype)
        whole = given == "bool" or keras.backend.is_int_dtype(given)
        return keras.ops.cast(x, dtype or keras.config.floatx()) if whole else x

    return keras.tree.map_structure(cast, inputs)
