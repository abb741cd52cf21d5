"""Traversal of models and of objects that hold models."""

from collections.abc import Iterable, Iterator
from typing import Any

import keras


def parts_of(owner: object) -> Iterator[object]:
    """Yields an object and, recursively, all layers and collections that it holds, each exactly once."""
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
    """Yields a layer and all of its nested layers, each exactly once."""
    return (part for part in parts_of(layer) if isinstance(part, keras.layers.Layer))


def stateful_layers(model: keras.Model) -> list[keras.layers.RNN]:
    """Returns the recurrent layers that continue with the states of the previous batch."""
    return [layer for layer in layers_of(model) if isinstance(layer, keras.layers.RNN) and layer.stateful]


def recurrent_states(model: keras.Model) -> list[keras.Variable]:
    """Returns the states of the stateful recurrent layers, which Keras does not count among the variables."""
    # A layer that is not built has no states. Those of stacked cells are nested.
    states = [layer.states for layer in stateful_layers(model) if layer.states is not None]
    return list(keras.tree.flatten(states))


def metrics_variables(owner: object) -> list[keras.Variable]:
    """Returns the variables of all metrics held by an object or its layers, each exactly once."""
    found: dict[int, keras.Variable] = {}
    for part in parts_of(owner):
        variables = part.metrics_variables if isinstance(part, keras.Model) else ()
        variables = part.variables if isinstance(part, keras.metrics.Metric) else variables
        found.update((id(variable), variable) for variable in variables)
    return list(found.values())


def results_of(model: keras.Model, variables: Iterable[keras.Variable]) -> dict[str, Any]:
    """Returns a dict of the results of those metrics that use any of the given variables."""
    chosen = {id(variable) for variable in variables}
    results: dict[str, Any] = {}
    for metric in model.metrics:
        if any(id(variable) in chosen for variable in metric.variables):
            result = metric.result()
            results.update(result if isinstance(result, dict) else {metric.name: result})
    return results


def keras_variables(owner: object) -> list[keras.Variable]:
    """Returns all Keras variables held by an object or its layers, including seeds, metrics and optimizers."""
    found = {id(variable): variable for variable in metrics_variables(owner)}
    for part in parts_of(owner):
        if isinstance(part, keras.Layer | keras.optimizers.Optimizer):
            found.update((id(variable), variable) for variable in part.variables)
        elif isinstance(part, keras.Variable):
            found[id(part)] = part
    return list(found.values())
