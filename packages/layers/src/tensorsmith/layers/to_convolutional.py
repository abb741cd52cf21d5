"""Dense layers turned into convolutions."""

from math import prod
from typing import Any

import keras

from tensorsmith.core import Verbatim, check
from tensorsmith.layers.convert_layers import convert_layers
from tensorsmith.layers.graphs import check_graph, graphs, is_graph, sources


def to_convolutional(model: Any) -> Any:
    """A copy of a trained classifier of pictures that takes pictures of any size, and gives a map of outputs.

    `Flatten` is left out, the dense layer behind it becomes a convolution as large as the map that was flattened, and
    dense layers behind that become convolutions with a kernel of 1. `GlobalAveragePooling2D` becomes an average pooling
    with a window of the map's size. What the copy gives for a larger picture is what the model gives for windows of its
    own size at regular distances, computed at once; for pictures of the model's size, it is a map of one place with the
    model's outputs. Where convolutions pad, windows differ at their edges, which the copy sees beyond.

    Source: Long et al., "Fully Convolutional Networks for Semantic Segmentation", 2015.

    Args:
        model: A functional or Sequential model of pictures that have their channels last. Between flattening and dense
            layers there may be layers without weights, such as dropout.

    Returns:
        The copy.

    Raises:
        ValueError: `model` is no such model, or has nothing to convert.

    Example:
        >>> import keras
        >>> layers = [keras.layers.Conv2D(2, 3, strides=2), keras.layers.Flatten(), keras.layers.Dense(5)]
        >>> model = keras.Sequential([keras.Input((9, 9, 1)), *layers])
        >>> to_convolutional(model)(keras.ops.ones((1, 21, 21, 1))).shape.as_list()
        [1, 7, 7, 5]
    """
    check_graph(model)
    windows = _windows(model)
    check(len(windows) > 0, "model", Verbatim(f"{model.name!r}"), "a model with dense layers on flattened pictures")

    def convert(layer: Any) -> Any:
        if type(layer) is keras.layers.Flatten:
            return None
        if type(layer) is keras.layers.GlobalAveragePooling2D:
            name, dtype = layer.name, layer.dtype_policy
            return keras.layers.AveragePooling2D(layer.input.shape[1:3], strides=1, name=name, dtype=dtype)
        return _convolution(layer, windows[id(layer)]) if id(layer) in windows else layer

    return convert_layers(model, convert, any_size=True)


def _windows(model: Any) -> dict[int, tuple[int, int]]:
    """Height and width of the kernel that each dense layer on vectors gets, by the layer's id."""
    windows = {}
    for graph in graphs(model):
        taken = sources(graph)
        for layer in graph.layers:
            if type(layer) is keras.layers.Dense and len(layer.input.shape) == 2:
                windows[id(layer)] = _window(layer, taken)
    return windows


def _window(layer: Any, taken: dict[str, list[Any]]) -> tuple[int, int]:
    """The size of the map that was flattened right before the layer, or 1 and 1."""
    before = taken.get(layer.name)
    while before:
        source = before[0]
        if type(source) is keras.layers.Flatten:
            height, width, _ = _map(source)
            return height, width
        if not isinstance(source, keras.layers.Layer) or is_graph(source) or source.weights:
            break
        before = taken.get(source.name)
    return 1, 1


def _map(flatten: Any) -> tuple[int, int, int]:
    shape = flatten.input.shape
    fits = len(shape) == 4 and None not in shape[1:] and flatten.data_format == "channels_last"
    check(fits, "model", Verbatim(f"a layer that flattens {shape}"), "pictures (height, width, channels) of known size")
    return shape[1:]


def _convolution(dense: Any, window: tuple[int, int]) -> Any:
    """The convolution that does to windows what the dense layer does to flattened ones."""
    config = dense.get_config()
    kept = ("name", "trainable", "dtype", "activation", "use_bias", "kernel_regularizer", "bias_regularizer")
    convolution = keras.layers.Conv2D.from_config(
        {
            "filters": dense.units,
            "kernel_size": window,
            "data_format": "channels_last",
            **{name: config[name] for name in kept},
        }
    )
    rows = dense.kernel.shape[0]
    channels = rows // prod(window)
    convolution.build((None, None, None, channels))
    convolution.kernel.assign(keras.ops.reshape(dense.kernel, (*window, channels, dense.units)))
    if dense.use_bias:
        convolution.bias.assign(dense.bias)
    return convolution
