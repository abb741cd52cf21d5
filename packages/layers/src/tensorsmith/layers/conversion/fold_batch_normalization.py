"""Folding of batch normalization into the weights of the preceding layers of a trained model."""

from collections import Counter
from typing import Any

import keras
import numpy as np

from tensorsmith.core.types import Variable
from tensorsmith.layers._support.graphs import check_graph, graphs, in_training, sources
from tensorsmith.layers._support.with_kernel import SEPARABLE, WITH_KERNEL, output_axes
from tensorsmith.layers.conversion.convert_layers import convert_layers


def fold_batch_normalization(model: keras.Model) -> keras.Model:
    """Returns a copy of a trained model with batch normalization folded into the preceding layers.

    A dense layer or convolution without activation whose only consumer is a batch normalization is merged with it into
    one layer. At inference, the outputs of the copy are those of the model. Supported layers are `keras.layers.Dense`,
    `Conv1D`, `Conv2D`, `Conv3D`, and depthwise, separable and transposed convolutions, but not their subclasses. Other
    batch normalizations are kept: those after an activation or before the convolution, those called with
    `training=True`, and those after a layer with LoRA.

    Formula, over the output channels:

        kernel' = kernel gamma / sqrt(variance + epsilon)
        bias' = (bias - mean) gamma / sqrt(variance + epsilon) + beta

    Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", 2018.

    Args:
        model: Built functional or Sequential model.

    Returns:
        A copy of the model.

    Raises:
        ValueError: If `model` is not a built functional or Sequential model.

    Example:
        >>> import keras
        >>> layers = [keras.layers.Conv2D(4, 3), keras.layers.BatchNormalization(), keras.layers.ReLU()]
        >>> model = keras.Sequential([keras.Input((8, 8, 1)), *layers])
        >>> [type(layer).__name__ for layer in fold_batch_normalization(model).layers]
        ['Conv2D', 'ReLU']
    """
    check_graph(model)
    followers = _followers(model)
    folded = {id(follower) for follower in followers.values()}

    def convert(layer: keras.Layer) -> keras.Layer | None:
        if id(layer) in folded:
            return None
        return _folded(layer, followers[id(layer)]) if id(layer) in followers else layer

    return convert_layers(model, convert)


def _followers(model: keras.Model) -> dict[int, Any]:
    """Returns a dict that maps the id of a layer to the batch normalization layer to fold into it."""
    pairs, uses, positions, training = [], Counter[int](), Counter[int](), in_training(model)
    for graph in graphs(model):
        taken = sources(graph)
        positions.update(map(id, graph.layers))
        uses.update(id(before) for several in taken.values() for before in several)
        for layer in graph.layers:
            before = taken.get(layer.name, [])
            if len(before) == 1 and id(layer) not in training and _fits(before[0], layer):
                pairs.append((before[0], layer))
    # Neither layer may be shared, and the normalization must be the only consumer of the layer.
    return {id(one): after for one, after in pairs if uses[id(one)] == positions[id(one)] == positions[id(after)] == 1}


def _fits(layer: keras.Layer, after: keras.Layer) -> bool:
    if type(layer) not in (*WITH_KERNEL, *SEPARABLE) or type(after) is not keras.layers.BatchNormalization:
        return False
    channels_last = getattr(layer, "data_format", "channels_last") == "channels_last"
    last = after.axis in (-1, len(layer.output.shape) - 1)
    lora = getattr(layer, "lora_enabled", False)
    return channels_last and last and not lora and layer.activation is keras.activations.linear


def _folded(layer: keras.Layer, normalization: keras.Layer) -> keras.Layer:
    """Returns a layer that is equivalent to the given layer followed by batch normalization."""

    def numbers(weight: Variable | None, default: float) -> Any:
        return default if weight is None else keras.ops.convert_to_numpy(weight).astype("float64")

    # The arithmetic is in float64, so that the folded weights are rounded only once.
    variance = numbers(normalization.moving_variance, 1)
    factor = numbers(normalization.gamma, 1) / np.sqrt(variance + normalization.epsilon)
    bias = (numbers(layer.bias, 0) - numbers(normalization.moving_mean, 0)) * factor
    new = type(layer).from_config({**layer.get_config(), "use_bias": True})
    new.build_from_config(layer.get_build_config())
    name = "pointwise_kernel" if type(layer) in SEPARABLE else "kernel"
    kernel, axes = numbers(getattr(layer, name), 1), output_axes(layer)
    # The factor has one entry per output channel and is broadcast over the other axes of the kernel.
    shape = [size if position - kernel.ndim in axes else 1 for position, size in enumerate(kernel.shape)]
    getattr(new, name).assign(kernel * factor.reshape(shape))
    if type(layer) in SEPARABLE:
        new.depthwise_kernel.assign(layer.depthwise_kernel)
    new.bias.assign(bias + numbers(normalization.beta, 0))
    return new
