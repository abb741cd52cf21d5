"""Layers inside other layers."""

from collections.abc import Iterator
from typing import Any

import keras


def inner_layers(layer: keras.Layer, skipped: tuple[type, ...] = ()) -> Iterator[Any]:
    """Yields each layer stored in an attribute of a layer or model, directly or within other layers, once.

    Args:
        layer: Layer or model. It is not yielded itself.
        skipped: Classes of layers that are not yielded, and whose inner layers are not visited.
    """
    seen = {id(layer)}
    pending = [*vars(layer).values()][::-1]
    while pending:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, keras.layers.Layer) and not isinstance(value, skipped):
            yield value
            pending.extend([*vars(value).values()][::-1])
        elif isinstance(value, dict):
            pending.extend([*value.values()][::-1])
        elif isinstance(value, list | tuple):
            pending.extend(value[::-1])
