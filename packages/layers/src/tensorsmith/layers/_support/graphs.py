"""Connections between the layers of functional and Sequential models."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import keras

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import NestedTensors

OUTPUT = ""  # key of the model outputs, among the names of layers


def is_graph(layer: keras.Layer) -> bool:
    """Returns `True` for functional and Sequential models without a custom `call`."""
    if not (isinstance(layer, keras.Sequential) or (isinstance(layer, keras.Model) and hasattr(layer, "operations"))):
        return False
    return all(kind.__module__.split(".")[0] == "keras" for kind in type(layer).__mro__ if "call" in vars(kind))


def check_graph(model: keras.Model) -> None:
    """Raises a `ValueError` unless `model` is a functional or Sequential model with known inputs."""
    fits = is_graph(model) and model.built and bool(model.inputs)
    remedy = "start a Sequential model with keras.Input, or call the model once; subclassed models are not supported"
    check(fits, "model", Verbatim(type(model).__name__), "a built functional or Sequential model", remedy)


def graphs(model: keras.Model) -> Iterator[Any]:
    """Yields a model and all models nested in it."""
    yield model
    for layer in model.layers:
        if is_graph(layer):
            yield from graphs(layer)


def sources(model: keras.Model) -> dict[str, list[Any]]:
    """Returns a dict that maps each layer name to the layers and operations that provide inputs in any call."""
    if isinstance(model, keras.Sequential):
        layers = model.layers
        return {OUTPUT: layers[-1:], **{layer.name: [before] for before, layer in pairwise(layers)}}
    config = model.get_config()
    by_name = {operation.name: operation for operation in model.operations}
    taken = {layer["name"]: _histories(layer["inbound_nodes"]) for layer in config["layers"]}
    taken[OUTPUT] = _names(config["output_layers"])
    return {name: [by_name[one] for one in names] for name, names in taken.items()}


def in_training(model: keras.Model) -> set[int]:
    """Returns the ids of the layers that are called with `training=True`.

    Layers of a nested model that is called so are included.
    """
    found: set[int] = set()
    for graph in graphs(model):
        if id(graph) in found:
            found.update(map(id, graph.layers))
        elif not isinstance(graph, keras.Sequential):
            called = {layer["name"]: layer["inbound_nodes"] for layer in graph.get_config()["layers"]}
            found.update(
                id(layer)
                for layer in graph.layers
                if any(node["kwargs"].get("training") is True for node in called[layer.name])
            )
    return found


def _histories(node: Any) -> Iterator[str]:
    """Yields the names of the layers that produced the inputs of a call, given its serialized arguments."""
    if isinstance(node, dict) and node.get("class_name") == "__keras_tensor__":
        yield node["config"]["keras_history"][0]
    elif isinstance(node, dict | list | tuple):
        for part in node.values() if isinstance(node, dict) else node:
            yield from _histories(part)


def _names(nest: NestedTensors) -> Iterator[str]:
    """Yields the layer names in a nested list of config outputs of the form `[name, call, index]`."""
    if isinstance(nest, list | tuple) and nest and isinstance(nest[0], str):
        yield nest[0]
    elif isinstance(nest, dict | list | tuple):
        for part in nest.values() if isinstance(nest, dict) else nest:
            yield from _names(part)
