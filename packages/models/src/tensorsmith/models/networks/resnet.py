"""Residual networks of He et al., with optional squeeze-and-excitation."""

from typing import NamedTuple

import keras
from keras import layers

from tensorsmith.core import check, is_integer
from tensorsmith.core.types import Activation
from tensorsmith.layers import BottleneckUnit, ResidualUnit
from tensorsmith.models.networks._support.arguments import check_network, check_option, chosen_size
from tensorsmith.models.networks._support.blocks import convolution, global_classifier, scaled


class Size(NamedTuple):
    """Size of a ResNet.

    Attributes:
        units: Number of residual units of each stage.
        filters: Number of output channels of each stage.
        unit: Class of the residual units.
        stem: Default of the argument `stem`.
        parameters: Number of trainable parameters with 3 channels, and 1000 classes or, with the small stem, 10.
    """

    units: tuple[int, ...]
    filters: tuple[int, ...]
    unit: type[keras.Layer]
    stem: str
    parameters: int


STEMS = ("large", "small")
# Numbers of units: He et al., 2016, table 1 and section 4.2. Parameters: torchvision; for 20 and 56 layers, 0.27 M and
# 0.85 M in table 6, whose shortcuts have no convolution.
SIZES = {
    "18": Size((2, 2, 2, 2), (64, 128, 256, 512), ResidualUnit, "large", 11_689_512),
    "34": Size((3, 4, 6, 3), (64, 128, 256, 512), ResidualUnit, "large", 21_797_672),
    "50": Size((3, 4, 6, 3), (256, 512, 1024, 2048), BottleneckUnit, "large", 25_557_032),
    "101": Size((3, 4, 23, 3), (256, 512, 1024, 2048), BottleneckUnit, "large", 44_549_160),
    "152": Size((3, 8, 36, 3), (256, 512, 1024, 2048), BottleneckUnit, "large", 60_192_808),
    "20": Size((3, 3, 3), (16, 32, 64), ResidualUnit, "small", 272_474),
    "56": Size((9, 9, 9), (16, 32, 64), ResidualUnit, "small", 855_770),
}


def resnet(
    size: str,
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    classes: int | None = 1000,
    width: float = 1.0,
    stem: str | None = None,
    squeeze_ratio: int | None = None,
    classifier_activation: Activation = "softmax",
) -> keras.Model:
    """Build a ResNet, or an SE-ResNet if `squeeze_ratio` is given.

    For pretrained weights of 50, 101 and 152 layers, use `keras.applications.ResNet50` and its variants.

    Source: He et al., "Deep Residual Learning for Image Recognition", 2016; Hu et al., "Squeeze-and-Excitation
    Networks", 2018.

    Args:
        size: Number of layers: "18", "34", "50", "101" or "152", or "20" or "56" for images of about 32 x 32 pixels.
        input_shape: Height, width and number of channels of the images. Height and width may be `None`.
        classes: Number of classes. If `None`, the model returns the features of each stage.
        width: Factor of the numbers of filters, which are rounded to multiples of 8.
        stem: First layers: "large" (7 x 7 convolution and max pooling, strides of 4 in total) or "small" (3 x 3
            convolution without strides). If `None`, "small" for 20 and 56 layers, and "large" for the others.
        squeeze_ratio: Reduction ratio of the squeeze-and-excitation in each unit, 16 in the paper. If `None`, there is
            none.
        classifier_activation: Activation of the classifier. If `None`, the model returns logits.

    Returns:
        A functional model. Its output has shape `(batch, classes)`, or is a dict of feature maps of shape
        `(batch, height / s, width / s, filters)` with the names `"stride_{s}"`.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> resnet("18", (32, 32, 1), classes=10, width=0.25, stem="small").output.shape
        (None, 10)
        >>> features = resnet("50", (None, None, 3), classes=None)
        >>> {name: maps.shape[-1] for name, maps in features.output.items()}
        {'stride_4': 256, 'stride_8': 512, 'stride_16': 1024, 'stride_32': 2048}
    """
    chosen = chosen_size(size, SIZES)
    stem = chosen.stem if stem is None else stem
    check_option("stem", stem, STEMS)
    check_network(input_shape, classes, width)
    valid = squeeze_ratio is None or (is_integer(squeeze_ratio) and squeeze_ratio > 0)
    check(valid, "squeeze_ratio", squeeze_ratio, "a positive integer or None")
    inputs = x = keras.Input(input_shape)
    if stem == "large":
        x = convolution(x, scaled(64, width), 7, 2)
        x = layers.MaxPooling2D(3, 2, "same")(x)
        stride = 4
    else:
        x = convolution(x, scaled(min(64, chosen.filters[0]), width), 3)
        stride = 1
    end_points = {}
    for stage, (count, filters) in enumerate(zip(chosen.units, chosen.filters, strict=True)):
        for number in range(count):
            strides = 2 if stage and not number else 1
            x = chosen.unit(scaled(filters, width), strides, squeeze_ratio=squeeze_ratio)(x)
        stride *= 2 if stage else 1
        end_points[f"stride_{stride}"] = x
    outputs = end_points if classes is None else global_classifier(x, classes, classifier_activation)
    return keras.Model(inputs, outputs, name=f"resnet_{size}")
