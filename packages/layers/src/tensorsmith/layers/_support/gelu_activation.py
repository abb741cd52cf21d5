"""Recognition of activation functions that compute the Gaussian error linear unit."""

from typing import Any

import keras

# Registered names of functions of other packages, and whether they use the approximation with tanh.
REGISTERED = {"keras_hub>gelu_approximate": True, "tensorsmith>gelu": True}


def gelu_variant(activation: Any) -> bool | None:
    """Returns whether an activation function is the approximate GELU, or `None` if it is another function."""
    if activation is keras.activations.gelu:
        return False
    return REGISTERED.get(keras.saving.get_registered_name(activation)) if callable(activation) else None
