"""Functions and layers in configs."""

from collections.abc import Callable
from typing import Any

import keras

from tensorsmith.core import check

REMEDY = "define a named function with the decorator `keras.saving.register_keras_serializable()`"


def saved(name: str, function: Callable[..., Any] | None) -> Any:
    """Return the config of a function or layer, or `None`.

    Raises:
        ValueError: If it is a lambda expression, which Keras would save as code.
    """
    if function is None:
        return None
    is_lambda = getattr(function, "__name__", "") == "<lambda>"
    check(not is_lambda, name, function, "not be a lambda expression if it is saved", REMEDY)
    return keras.saving.serialize_keras_object(function)


def saved_layer(layer: keras.Layer | None) -> Any:
    """Return the config of a layer, or `None`."""
    return None if layer is None else keras.saving.serialize_keras_object(layer)


def restored(config: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return the arguments of a constructor, in which the configs of functions and layers are replaced by these."""
    given = {name: config[name] for name in names if config.get(name) is not None}
    return {**config, **{name: keras.saving.deserialize_keras_object(each) for name, each in given.items()}}
