"""Xception, a network of depthwise separable convolutions."""

from typing import NamedTuple

import keras
from keras import layers

from tensorsmith.core.types import Activation, Tensor
from tensorsmith.models.networks._support.arguments import check_network, check_option
from tensorsmith.models.networks._support.blocks import convolution, global_classifier, scaled


class Size(NamedTuple):
    """Size of Xception.

    Attributes:
        entry: Filters of the units that halve the image size in the entry flow.
        middle: Number of units in the middle flow.
        parameters: Number of parameters with 3 channels and 1000 classes, including moving averages.
    """

    entry: tuple[int, ...]
    middle: int
    parameters: int


STEMS = ("large", "small")
# Chollet, 2017, figure 5. Number of parameters: keras.applications.
SIZES = {"xception": Size((128, 256, 728), 8, 22_910_480)}


def xception(
    input_shape: tuple[int | None, int | None, int] = (299, 299, 3),
    classes: int | None = 1000,
    width: float = 1.0,
    stem: str = "large",
    middle: int | None = None,
    classifier_activation: Activation = "softmax",
) -> keras.Model:
    """Build Xception. For pretrained weights, use `keras.applications.Xception`.

    Source: Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", 2017.

    Args:
        input_shape: Height, width and number of channels of the images. Height and width may be `None`; with the
            large stem, they must be at least 7, which is not checked if they are unknown.
        classes: Number of classes. If `None`, the model returns the features of each stage.
        width: Factor of the numbers of filters, which are rounded to multiples of 8.
        stem: First layers: "large" as in the paper (strides of 2, without padding) or "small" for images of about 32 x
            32 pixels (without strides, and without the first unit that halves the image size).
        middle: Number of units in the middle flow. If `None`, 8 as in the paper.
        classifier_activation: Activation of the classifier. If `None`, the model returns logits.

    Returns:
        A functional model. Its output has shape `(batch, classes)`, or is a dict of feature maps with the names
        `"stride_{s}"`.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> xception((32, 32, 3), classes=10, width=0.125, stem="small", middle=1).output.shape
        (None, 10)
    """
    chosen = SIZES["xception"]
    check_option("stem", stem, STEMS)
    large = stem == "large"
    check_network(input_shape, classes, width, 7 if large else 1, remedy="Pass stem='small'.")
    padding = "valid" if large else "same"
    inputs = keras.Input(input_shape)
    x = convolution(inputs, scaled(32, width), 3, 2 if large else 1, padding=padding)
    x = convolution(x, scaled(64, width), 3, padding=padding)
    stride = 2 if large else 1
    end_points = {}
    for number, filters in enumerate(chosen.entry if large else chosen.entry[1:]):
        end_points[f"stride_{stride}"] = x
        x = _halved(x, (scaled(filters, width),) * 2, activate_first=number > 0)
        stride *= 2
    for _ in range(chosen.middle if middle is None else middle):
        residual = x
        for _ in range(3):
            residual = _separable(layers.ReLU()(residual), scaled(728, width))
        x = layers.Add()([x, residual])
    end_points[f"stride_{stride}"] = x
    x = _halved(x, (scaled(728, width), scaled(1024, width)))
    x = layers.ReLU()(_separable(x, scaled(1536, width)))
    x = layers.ReLU()(_separable(x, scaled(2048, width)))
    end_points[f"stride_{2 * stride}"] = x
    outputs = end_points if classes is None else global_classifier(x, classes, classifier_activation)
    return keras.Model(inputs, outputs, name="xception")


def _separable(x: Tensor, filters: int) -> Tensor:
    """Apply a depthwise separable convolution and batch normalization."""
    x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False)(x)
    return layers.BatchNormalization()(x)


def _halved(x: Tensor, filters: tuple[int, int], activate_first: bool = True) -> Tensor:
    """Apply a residual unit of two separable convolutions and max pooling, which halves the image size."""
    shortcut = convolution(x, filters[1], 1, 2, activation=None)
    x = _separable(layers.ReLU()(x) if activate_first else x, filters[0])
    x = _separable(layers.ReLU()(x), filters[1])
    return layers.Add()([layers.MaxPooling2D(3, 2, "same")(x), shortcut])
