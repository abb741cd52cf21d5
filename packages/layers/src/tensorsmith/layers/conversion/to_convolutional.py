"""Dense layers turned into convolutions."""

from math import prod

import keras

from tensorsmith.core import Verbatim, check
from tensorsmith.layers._support.flattened_windows import POOLINGS, flattened_windows
from tensorsmith.layers._support.graphs import check_graph
from tensorsmith.layers.conversion.convert_layers import convert_layers


def to_convolutional(model: keras.Model) -> keras.Model:
    """A copy of a trained classifier of pictures that takes pictures of any size, and gives a map of outputs.

    `Flatten` is left out, the dense layer behind it becomes a convolution as large as the map that was flattened, and
    dense layers behind that become convolutions with a kernel of 1. `GlobalAveragePooling2D` and `GlobalMaxPooling2D`
    become poolings with a window of the map's size. What the copy gives for a larger picture is what the model gives
    for windows of its own size at regular distances, computed at once; for pictures of the model's size, it is a map of
    one place with the model's outputs. Where convolutions pad, outputs differ: a window is padded at its own edges,
    where the copy sees the rest of the picture. Constraints and activity regularizers of dense layers are left out.

    Source: Long et al., "Fully Convolutional Networks for Semantic Segmentation", 2015.

    Args:
        model: A functional or Sequential model of pictures that have their channels last. Between `Flatten` and a dense
            layer there may be dropout, activations that look at one number at a time, and sums; behind the dense layer
            also arithmetic, and layers that work along the last axis, such as normalizations and softmax.

    Returns:
        The copy.

    Raises:
        ValueError: `model` is no such model, has nothing to convert, or has a layer that would do something else to a
            map, or is not known to do the same.

    Example:
        >>> import keras
        >>> layers = [keras.layers.Conv2D(2, 3, strides=2), keras.layers.Flatten(), keras.layers.Dense(5)]
        >>> model = keras.Sequential([keras.Input((9, 9, 1)), *layers])
        >>> to_convolutional(model)(keras.ops.ones((1, 21, 21, 1))).shape.as_list()
        [1, 7, 7, 5]
    """
    check_graph(model)
    windows = flattened_windows(model)
    check(len(windows) > 0, "model", Verbatim(f"{model.name!r}"), "a model with dense layers on flattened pictures")

    def convert(layer: keras.Layer) -> keras.Layer | None:
        if type(layer) is keras.layers.Flatten:
            return None
        if type(layer) in POOLINGS:
            return _pooling(layer)
        return _convolution(layer, windows[id(layer)]) if id(layer) in windows else layer

    return convert_layers(model, convert, any_size=True)


def _pooling(layer: keras.Layer) -> keras.Layer | None:
    """The pooling that does to windows what a global one does to the model's maps."""
    size, common = layer.input.shape[1:3], {"name": layer.name, "dtype": layer.dtype_policy}
    return POOLINGS[type(layer)](size, strides=1, data_format="channels_last", **common)


def _convolution(dense: keras.layers.Dense, window: tuple[int, int]) -> keras.Layer:
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
