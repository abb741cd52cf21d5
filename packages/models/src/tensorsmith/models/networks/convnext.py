"""ConvNeXt, a convolutional network with the training recipe and the block structure of Transformers."""

from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from tensorsmith.core import check, is_number
from tensorsmith.core.types import Activation, Tensor
from tensorsmith.layers import Dense, LayerNormalization, StochasticDepth
from tensorsmith.models.networks._support.arguments import check_network, check_option, chosen_size
from tensorsmith.models.networks._support.blocks import scaled
from tensorsmith.models.networks._support.image_size import ImageSizeCheck


class Size(NamedTuple):
    """Size of a ConvNeXt.

    Attributes:
        blocks: Number of blocks of each stage.
        filters: Number of channels of each stage.
        parameters: Number of parameters with 3 channels and 1000 classes.
    """

    blocks: tuple[int, ...]
    filters: tuple[int, ...]
    parameters: int


STEMS = ("large", "small")
# Tiny: Liu et al., 2022, section 3; atto (3.7 M) and femto (5.2 M): timm.
SIZES = {
    "atto": Size((2, 2, 6, 2), (40, 80, 160, 320), 3_695_520),
    "femto": Size((2, 2, 6, 2), (48, 96, 192, 384), 5_217_784),
    "tiny": Size((3, 3, 9, 3), (96, 192, 384, 768), 28_589_128),
}


def convnext(
    size: str,
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    classes: int | None = 1000,
    width: float = 1.0,
    stem: str = "large",
    drop_path: float = 0.0,
    classifier_activation: Activation = "softmax",
) -> keras.Model:
    """Build a ConvNeXt. For pretrained weights, use `keras.applications.ConvNeXtTiny` and its variants.

    Source: Liu et al., "A ConvNet for the 2020s", 2022.

    Args:
        size: "atto", "femto" or "tiny".
        input_shape: Height, width and number of channels of the images. Height and width may be `None`; images of less
            than 32 (with the small stem: 16) pixels then raise a `ValueError`, or an `InvalidArgumentError` in a graph
            with unknown sizes.
        classes: Number of classes. If `None`, the model returns the features of each stage.
        width: Factor of the numbers of filters, which are rounded to multiples of 8.
        stem: First convolution: "large" (patches of 4 x 4 pixels) or "small" (of 2 x 2 pixels), for images of about
            32 x 32 pixels.
        drop_path: Rate of stochastic depth in the last block; it increases linearly from 0.
        classifier_activation: Activation of the classifier. If `None`, the model returns logits.

    Returns:
        A functional model. Its output has shape `(batch, classes)`, or is a dict of feature maps with the names
        `"stride_{s}"`.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> convnext("atto", (32, 32, 3), classes=10, width=0.5, stem="small").output.shape
        (None, 10)
    """
    chosen = chosen_size(size, SIZES)
    check_option("stem", stem, STEMS)
    check(is_number(drop_path) and 0 <= drop_path < 1, "drop_path", drop_path, "in [0, 1)")
    stride = 4 if stem == "large" else 2
    check_network(input_shape, classes, width, 8 * stride, remedy="Pad or resize the images.")
    rates = iter(np.linspace(0.0, drop_path, sum(chosen.blocks)).tolist())
    inputs = x = keras.Input(input_shape)
    if None in input_shape:
        x = ImageSizeCheck(8 * stride, name="image_size")(x)
    x = _normalized(layers.Conv2D(scaled(chosen.filters[0], width), stride, stride)(x))
    end_points = {}
    for stage, (count, filters) in enumerate(zip(chosen.blocks, chosen.filters, strict=True)):
        if stage:
            x = layers.Conv2D(scaled(filters, width), 2, 2)(_normalized(x))
            stride *= 2
        for _ in range(count):
            x = _block(x, next(rates))
        end_points[f"stride_{stride}"] = x
    if classes is None:
        return keras.Model(inputs, end_points, name=f"convnext_{size}")
    x = _normalized(layers.GlobalAveragePooling2D()(x))
    outputs = layers.Dense(classes, classifier_activation, dtype="float32", name="classifier")(x)
    return keras.Model(inputs, outputs, name=f"convnext_{size}")


def _normalized(x: Tensor) -> Tensor:
    return LayerNormalization(epsilon=1e-6)(x)


def _block(x: Tensor, rate: float) -> Tensor:
    """Apply a depthwise convolution and two dense layers, and add the scaled result."""
    filters = x.shape[-1]
    y = _normalized(layers.DepthwiseConv2D(7, padding="same")(x))
    y = Dense(filters)(Dense(4 * filters, "gelu")(y))
    # A learned factor for each channel, which starts at 1e-6 (layer scale).
    small = keras.initializers.Constant(1e-6)
    y = layers.EinsumDense("bhwc,c->bhwc", (None, None, filters), kernel_initializer=small)(y)
    return StochasticDepth(1.0 - rate)([x, y]) if rate else layers.Add()([x, y])
