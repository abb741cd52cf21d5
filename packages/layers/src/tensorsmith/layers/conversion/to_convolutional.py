"""Conversion of image classifiers with dense layers to fully convolutional models."""

from math import prod

import keras

from tensorsmith.core import Verbatim, check
from tensorsmith.layers._support.flattened_windows import POOLINGS, flattened_windows
from tensorsmith.layers._support.graphs import check_graph
from tensorsmith.layers.conversion.convert_layers import convert_layers


def to_convolutional(model: keras.Model) -> keras.Model:
    """Returns a fully convolutional copy of a trained image classifier.

    The copy accepts images of any size and outputs a map of predictions. `Flatten` is removed, the dense layer after it
    becomes a convolution with the size of the flattened feature map, and subsequent dense layers become convolutions
    with a kernel size of 1. `GlobalAveragePooling2D` and `GlobalMaxPooling2D` become poolings with a window of the size
    of the map. On a larger image, the copy computes the outputs of the model for windows of the size of its input, at
    regular strides and in a single pass. On images of the original size, it outputs a map of size 1 x 1 with the
    outputs of the model. With padded convolutions the outputs differ: the model pads each window at its own border,
    where the copy sees the rest of the image. Constraints and activity regularizers of dense layers are dropped.

    Source: Long et al., "Fully Convolutional Networks for Semantic Segmentation", 2015.

    Args:
        model: Built functional or Sequential model for images in the format `"channels_last"`. Dropout, elementwise
            activations and sums are allowed between `Flatten` and a dense layer. After a dense layer, arithmetic and
            layers that act along the last axis, such as normalization and softmax, are also allowed.

    Returns:
        A copy of the model.

    Raises:
        ValueError: If `model` is not a built functional or Sequential model, has no layers to convert, or has a layer
            that would compute something else on a feature map or is not known to compute the same.

    Example:
        >>> import keras
        >>> layers = [keras.layers.Conv2D(2, 3, strides=2), keras.layers.Flatten(), keras.layers.Dense(5)]
        >>> model = keras.Sequential([keras.Input((9, 9, 1)), *layers])
        >>> to_convolutional(model)(keras.ops.ones((1, 21, 21, 1))).shape.as_list()
        [1, 7, 7, 5]
    """
    check_graph(model)
    windows = flattened_windows(model)
    check(
        len(windows) > 0,
        "model",
        Verbatim(f"{model.name!r}"),
        "contain dense layers applied to flattened or pooled feature maps",
    )

    def convert(layer: keras.Layer) -> keras.Layer | None:
        if type(layer) is keras.layers.Flatten:
            return None
        if type(layer) in POOLINGS:
            return _pooling(layer)
        return _convolution(layer, windows[id(layer)]) if id(layer) in windows else layer

    return convert_layers(model, convert, any_size=True)


def _pooling(layer: keras.Layer) -> keras.Layer | None:
    """Returns a pooling layer that replaces a global pooling layer, with the feature map size as its pool size."""
    size, common = layer.input.shape[1:3], {"name": layer.name, "dtype": layer.dtype_policy}
    return POOLINGS[type(layer)](size, strides=1, data_format="channels_last", **common)


def _convolution(dense: keras.layers.Dense, window: tuple[int, int]) -> keras.Layer:
    """Returns a convolutional layer that applies a dense layer to windows of a feature map."""
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
    # The dense kernel has the rows of the flattened map, in the order (height, width, channels).
    convolution.build((None, None, None, channels))
    convolution.kernel.assign(keras.ops.reshape(dense.kernel, (*window, channels, dense.units)))
    if dense.use_bias:
        convolution.bias.assign(dense.bias)
    return convolution
