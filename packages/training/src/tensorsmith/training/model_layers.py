"""Walking through a model."""

from collections.abc import Iterator

import keras


def layers_of(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    """A layer and all layers inside it, wrapped or held as attributes, each once."""
    seen: set[int] = set()
    waiting: list[object] = [layer]
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, keras.layers.Layer):
            yield item
            waiting.extend(vars(item).values())
        elif isinstance(item, list | tuple):
            waiting.extend(item)
        elif isinstance(item, dict):
            waiting.extend(item.values())
