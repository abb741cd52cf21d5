"""MobileNetV2, a network of inverted residual units."""

from typing import NamedTuple

import keras

from tensorsmith.core.types import Activation
from tensorsmith.models.networks._support.arguments import check_network, check_option
from tensorsmith.models.networks._support.blocks import convolution, global_classifier, inverted_residual, scaled


class Stage(NamedTuple):
    """Stage of inverted residual units: expansion of the channels, filters, number of units and first strides."""

    expansion: int
    filters: int
    units: int
    strides: int


class Size(NamedTuple):
    """Number of parameters with 3 channels and 1000 classes, including moving averages."""

    parameters: int


STEMS = ("large", "small")
STAGES = (  # Sandler et al., 2018, table 2
    Stage(1, 16, 1, 1),
    Stage(6, 24, 2, 2),
    Stage(6, 32, 3, 2),
    Stage(6, 64, 4, 2),
    Stage(6, 96, 3, 1),
    Stage(6, 160, 3, 2),
    Stage(6, 320, 1, 1),
)
SIZES = {"mobilenet_v2": Size(3_538_984)}  # keras.applications


def mobilenet_v2(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    classes: int | None = 1000,
    width: float = 1.0,
    stem: str = "large",
    classifier_activation: Activation = "softmax",
) -> keras.Model:
    """Build MobileNetV2. For pretrained weights, use `keras.applications.MobileNetV2`.

    Source: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018.

    Args:
        input_shape: Height, width and number of channels of the images. Height and width may be `None`.
        classes: Number of classes. If `None`, the model returns the features of each stage.
        width: Factor of the numbers of filters, which are rounded to multiples of 8. The last convolution has at least
            1280 filters.
        stem: First layers: "large" as in the paper, or "small" for images of about 32 x 32 pixels (the first
            convolution and the second stage have no strides).
        classifier_activation: Activation of the classifier. If `None`, the model returns logits.

    Returns:
        A functional model. Its output has shape `(batch, classes)`, or is a dict of feature maps with the names
        `"stride_{s}"`.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> mobilenet_v2((32, 32, 3), classes=10, width=0.5, stem="small").output.shape
        (None, 10)
    """
    check_option("stem", stem, STEMS)
    check_network(input_shape, classes, width)
    small = stem == "small"
    stride = 1 if small else 2
    inputs = keras.Input(input_shape)
    x = convolution(inputs, scaled(32, width), 3, stride, "relu6")
    end_points = {}
    for index, stage in enumerate(STAGES):
        strides = 1 if small and index == 1 else stage.strides
        if strides > 1:
            end_points[f"stride_{stride}"] = x
            stride *= strides
        for number in range(stage.units):
            x = inverted_residual(x, stage.expansion, scaled(stage.filters, width), 3, 1 if number else strides)
    x = convolution(x, scaled(1280, max(width, 1.0)), 1, activation="relu6")
    end_points[f"stride_{stride}"] = x
    outputs = end_points if classes is None else global_classifier(x, classes, classifier_activation)
    return keras.Model(inputs, outputs, name="mobilenet_v2")
