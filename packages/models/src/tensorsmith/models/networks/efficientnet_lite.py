"""EfficientNet-Lite0, a mobile network without squeeze-and-excitation."""

from collections.abc import Mapping
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Activation
from tensorsmith.models.networks._support.arguments import check_dropout, check_network
from tensorsmith.models.networks._support.blocks import convolution, inverted_residual


class Stage(NamedTuple):
    """Stage of inverted residual units: expansion, filters, kernel size, number of units and first strides."""

    expansion: int
    filters: int
    kernel: int
    units: int
    strides: int


class Size(NamedTuple):
    """Number of parameters with 3 channels and 1000 classes, including moving averages."""

    parameters: int


# Tan and Le, 2019, table 1, of EfficientNet-B0.
STAGES = (
    Stage(1, 16, 3, 1, 1),
    Stage(6, 24, 3, 2, 2),
    Stage(6, 40, 5, 2, 2),
    Stage(6, 80, 3, 3, 2),
    Stage(6, 112, 5, 3, 1),
    Stage(6, 192, 5, 4, 2),
    Stage(6, 320, 3, 1, 1),
)
SIZES = {"efficientnet_lite0": Size(4_694_024)}  # values in the published checkpoint


def efficientnet_lite0(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    classes: int | None = 1000,
    weights: Mapping[str, np.ndarray] | None = None,
    dropout: float = 0.2,
    classifier_activation: Activation = "softmax",
) -> keras.Model:
    """Build EfficientNet-Lite0: EfficientNet-B0 with ReLU6 and without squeeze-and-excitation.

    Its input is an image with values from -1 to 1: `(pixels - 127) / 128`.

    Source: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019; the Lite
    variants are part of the reference implementation (Liu, 2020).

    Args:
        input_shape: Height, width and number of channels of the images. Height and width may be `None`.
        classes: Number of classes. If `None`, the model returns the features of each stage.
        weights: Arrays of a pretrained model, by their names in it, as returned by
            `tensorsmith.data.weights("efficientnet_lite0")`. Those of the classifier are used if there are 1000
            classes. If `None`, the weights are initialized at random.
        dropout: Dropout rate before the classifier.
        classifier_activation: Activation of the classifier. If `None`, the model returns logits.

    Returns:
        A functional model. Its output has shape `(batch, classes)`, or is a dict of feature maps with the names
        `"stride_{s}"`.

    Raises:
        ValueError: If an argument is invalid, or if the arrays do not match the layers.

    Example:
        >>> efficientnet_lite0().count_params()
        4694024
    """
    check_network(input_shape, classes)
    check_dropout(dropout)
    named = isinstance(weights, Mapping) and all(isinstance(name, str) for name in weights)
    check(weights is None or named, "weights", weights, "a dict of arrays by their names, or None")
    inputs = keras.Input(input_shape)
    x = convolution(inputs, 32, 3, 2, "relu6")
    end_points, stride = {}, 2
    for stage in STAGES:
        if stage.strides > 1:
            end_points[f"stride_{stride}"] = x
            stride *= stage.strides
        for number in range(stage.units):
            strides = 1 if number else stage.strides
            x = inverted_residual(x, stage.expansion, stage.filters, stage.kernel, strides)
    x = convolution(x, 1280, 1, activation="relu6")
    end_points[f"stride_{stride}"] = x
    outputs = end_points
    if classes is not None:
        x = layers.Dropout(dropout)(layers.GlobalAveragePooling2D()(x))
        outputs = layers.Dense(classes, classifier_activation, dtype="float32", name="classifier")(x)
    model = keras.Model(inputs, outputs, name="efficientnet_lite0")
    if weights is not None:
        _assign(model, weights)
    return model


def _assign(model: keras.Model, weights: Mapping[str, np.ndarray]) -> None:
    """Assign the arrays of a PyTorch checkpoint, whose layers have the same order as those of the model."""
    classifier = [name for name in weights if name.startswith("_fc.")]
    keeps = bool(classifier) and len(weights) == len(model.weights)
    keeps = keeps and np.shape(weights[classifier[0]])[:1] == model.output.shape[-1:]
    names = [name for name in weights if keeps or name not in classifier]
    ours = model.weights if keeps else [weight for weight in model.weights if not weight.path.startswith("classifier")]
    expected = f"the {len(ours)} arrays of EfficientNet-Lite0 in their order"
    check(len(names) == len(ours), "weights", Verbatim(f"{len(names)} arrays"), expected)
    for name, weight in zip(names, ours, strict=True):
        array = _in_keras_layout(np.asarray(weights[name]), weight.path)
        received = Verbatim(f"{name} of shape {array.shape}")
        check(array.shape == tuple(weight.shape), "weights", received, f"{expected}, with shape {tuple(weight.shape)}")
        check(bool(np.isfinite(array).all()), "weights", Verbatim(f"{name} with NaN or infinity"), "finite")
        weight.assign(array)


def _in_keras_layout(array: np.ndarray, path: str) -> np.ndarray:
    """Return a kernel of PyTorch, whose output channels are the first axis, in the layout of Keras."""
    if array.ndim == 4:  # (outputs, inputs, height, width); of a depthwise convolution (channels, 1, height, width)
        return array.transpose((2, 3, 0, 1) if "depthwise" in path else (2, 3, 1, 0))
    return array.T
