"""Walking through a model, or through what holds one."""

from collections.abc import Iterable, Iterator
from typing import Any

import keras


def parts_of(owner: object) -> Iterator[object]:
    """An object, its attributes, those of all layers among them, and what lists and dicts there hold, each once."""
    seen: set[int] = set()
    waiting: list[object] = [owner]
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        yield item
        if item is owner or isinstance(item, keras.layers.Layer):
            waiting.extend(vars(item).values())
        elif isinstance(item, list | tuple):
            waiting.extend(item)
        elif isinstance(item, dict):
            waiting.extend(item.values())


def layers_of(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    """A layer and all layers inside it, wrapped or held as attributes, each once."""
    return (part for part in parts_of(layer) if isinstance(part, keras.layers.Layer))


def metrics_variables(owner: object) -> list[keras.Variable]:
    """The variables of all metrics that an object or its layers hold, each once."""
    found: dict[int, keras.Variable] = {}
    for part in parts_of(owner):
        variables = part.metrics_variables if isinstance(part, keras.Model) else ()
        variables = part.variables if isinstance(part, keras.metrics.Metric) else variables
        found.update((id(variable), variable) for variable in variables)
    return list(found.values())


def results_of(model: keras.Model, variables: Iterable[keras.Variable]) -> dict[str, Any]:
    """The results of those metrics of a model that some of these variables belong to, by their names in logs."""
    chosen = {id(variable) for variable in variables}
    results: dict[str, Any] = {}
    for metric in model.metrics:
        if any(id(variable) in chosen for variable in metric.variables):
            result = metric.result()
            results.update(result if isinstance(result, dict) else {metric.name: result})
    return results


def keras_variables(owner: object) -> list[keras.Variable]:
    """All that an object or its layers hold: of layers with their seeds, metrics, optimizers, and single ones."""
    found = {id(variable): variable for variable in metrics_variables(owner)}
    for part in parts_of(owner):
        if isinstance(part, keras.Layer | keras.optimizers.Optimizer):
            found.update((id(variable), variable) for variable in part.variables)
        elif isinstance(part, keras.Variable):
            found[id(part)] = part
    return list(found.values())
