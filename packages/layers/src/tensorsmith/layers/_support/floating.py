"""Conversion of integer layer inputs to floating-point tensors."""

from typing import TypeVar

import keras

from tensorsmith.core.types import Tensor

Nest = TypeVar("Nest")


def floating(inputs: Nest, dtype: str | None = None) -> Nest:
    """Casts integer and boolean tensors to a floating-point type, as `keras.layers.Dense` does.

    Args:
        inputs: Tensor to cast, or a nested structure of tensors and `None`.
        dtype: Data type to cast to. If `None`, `keras.config.floatx()` is used. Floating-point tensors keep their
            dtype.
    """

    def cast(x: Tensor | None) -> Tensor | None:
        if x is None:
            return None
        given = keras.backend.standardize_dtype(x.dtype)
        whole = given == "bool" or keras.backend.is_int_dtype(given)
        return keras.ops.cast(x, dtype or keras.config.floatx()) if whole else x

    return keras.tree.map_structure(cast, inputs)
