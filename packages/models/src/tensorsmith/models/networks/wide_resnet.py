"""Wide residual networks for small images."""

from typing import NamedTuple

import keras
from keras import layers

from tensorsmith.core.types import Activation, Tensor
from tensorsmith.models.networks._support.arguments import check_dropout, check_network, chosen_size
from tensorsmith.models.networks._support.blocks import global_classifier, scaled, subsampled


class Size(NamedTuple):
    """Size of a wide ResNet.

    Attributes:
        units: Number of residual units of each of the three stages.
        widening: Factor of the numbers of filters of the residual units.
        parameters: Number of trainable parameters with 3 channels and 10 classes.
    """

    units: int
    widening: int
    parameters: int


# Zagoruyko and Komodakis, 2016, table 4: 2.7 M, 8.9 M and 36.5 M parameters.
SIZES = {
    "16-4": Size(2, 4, 2_748_890),
    "40-4": Size(6, 4, 8_949_210),
    "28-10": Size(4, 10, 36_479_194),
}


def wide_resnet(
    size: str,
    input_shape: tuple[int | None, int | None, int] = (32, 32, 3),
    classes: int | None = 10,
    width: float = 1.0,
    dropout: float = 0.0,
    classifier_activation: Activation = "softmax",
) -> keras.Model:
    """Build a wide ResNet, whose residual units have normalization and activation before each convolution.

    Source: Zagoruyko and Komodakis, "Wide Residual Networks", 2016.

    Args:
        size: Number of layers and widening factor: "16-4", "40-4" or "28-10".
        input_shape: Height, width and number of channels of the images. Height and width may be `None`.
        classes: Number of classes. If `None`, the model returns the features of each stage.
        width: Factor of the numbers of filters, which are rounded to multiples of 8.
        dropout: Dropout rate between the convolutions of a unit, 0.3 in the paper.
        classifier_activation: Activation of the classifier. If `None`, the model returns logits.

    Returns:
        A functional model. Its output has shape `(batch, classes)`, or is a dict of feature maps with the names
        `"stride_{s}"`.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> features = wide_resnet("16-4", (None, None, 3), classes=None)
        >>> {name: maps.shape[-1] for name, maps in features.output.items()}
        {'stride_1': 64, 'stride_2': 128, 'stride_4': 256}
    """
    chosen = chosen_size(size, SIZES)
    check_network(input_shape, classes, width)
    check_dropout(dropout)
    inputs = keras.Input(input_shape)
    x = _convolution(inputs, scaled(16, width), 3, 1)
    end_points = {}
    for stage in range(3):
        for number in range(chosen.units):
            strides = 2 if stage and not number else 1
            x = _unit(x, scaled(16 * 2**stage * chosen.widening, width), strides, dropout)
        end_points[f"stride_{2**stage}"] = _normalized(x)
    outputs = end_points
    if classes is not None:
        outputs = global_classifier(end_points["stride_4"], classes, classifier_activation)
    return keras.Model(inputs, outputs, name=f"wide_resnet_{size.replace('-', '_')}")


def _unit(x: Tensor, filters: int, strides: int, dropout: float) -> Tensor:
    """Apply a residual unit with normalization and activation before each convolution."""
    activated = _normalized(x)
    if x.shape[-1] != filters or strides > 1:
        x = _convolution(subsampled(activated, strides), filters, 1, 1)
    residual = _convolution(activated, filters, 3, strides)
    residual = layers.Dropout(dropout)(_normalized(residual))
    return layers.Add()([x, _convolution(residual, filters, 3, 1)])


def _normalized(x: Tensor) -> Tensor:
    return layers.ReLU()(layers.BatchNormalization()(x))


def _convolution(x: Tensor, filters: int, size: int, strides: int) -> Tensor:
    return layers.Conv2D(filters, size, strides, "same", use_bias=False, kernel_initializer="he_normal")(x)
