"""AlexNet and ZF Net, the winners of the ImageNet challenges of 2012 and 2013."""

from typing import NamedTuple

import keras
from keras import layers

from tensorsmith.core.types import Activation, Tensor
from tensorsmith.layers import LocalResponseNormalization
from tensorsmith.models.networks._support.arguments import check_network, check_option, chosen_size
from tensorsmith.models.networks._support.blocks import scaled


class Size(NamedTuple):
    """Version of AlexNet.

    Attributes:
        image: Height and width of the images in the paper.
        kernels: Kernel sizes of the first two convolutions.
        strides: Strides of the first two convolutions.
        parameters: Number of parameters with 3 channels and 1000 classes.
    """

    image: int
    kernels: tuple[int, int]
    strides: tuple[int, int]
    parameters: int


STEMS = ("large", "small")
# AlexNet: Krizhevsky et al., 2012, without the division of convolutions between two GPUs, which saves 1.4 M of its
# parameters. ZF Net: Zeiler and Fergus, 2014, figure 3.
SIZES = {
    "alexnet": Size(227, (11, 5), (4, 1), 62_378_344),
    "zf_net": Size(224, (7, 5), (2, 2), 62_357_608),
}


def alexnet(
    size: str = "alexnet",
    input_shape: tuple[int | None, int | None, int] | None = None,
    classes: int | None = 1000,
    width: float = 1.0,
    stem: str = "large",
    classifier_activation: Activation = "softmax",
) -> keras.Model:
    """Build AlexNet, or ZF Net with smaller kernels and strides in its first layers.

    Source: Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks", 2012; Zeiler and
    Fergus, "Visualizing and Understanding Convolutional Networks", 2014.

    Args:
        size: "alexnet" or "zf_net".
        input_shape: Height, width and number of channels of the images. If `None`, those of the paper, `(227, 227, 3)`
            or `(224, 224, 3)`.
        classes: Number of classes. If `None`, the model returns the features of the last convolution.
        width: Factor of the numbers of filters and units, which are rounded to multiples of 8.
        stem: First layers: "large" as in the paper, or "small" for images of about 32 x 32 pixels (two 5 x 5
            convolutions without strides).
        classifier_activation: Activation of the classifier. If `None`, the model returns logits.

    Returns:
        A functional model. Its output has shape `(batch, classes)`, or is a dict of feature maps with the names
        `"stride_{s}"`.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> alexnet().get_layer("conv_1").output.shape
        (None, 55, 55, 96)
    """
    chosen = chosen_size(size, SIZES)
    check_option("stem", stem, STEMS)
    input_shape = (chosen.image, chosen.image, 3) if input_shape is None else input_shape
    smallest, remedy = (67, "Pass stem='small', or resize the images.") if stem == "large" else (15, "")
    check_network(input_shape, classes, width, smallest, fixed=True, remedy=remedy)
    kernels, strides = (chosen.kernels, chosen.strides) if stem == "large" else ((5, 5), (1, 1))
    zero_padded = size == "zf_net" and stem == "large"  # by one pixel, for maps of 110 x 110 and 26 x 26

    inputs = keras.Input(input_shape)
    x = layers.ZeroPadding2D(1)(inputs) if zero_padded else inputs
    x = _convolution(x, 1, scaled(96, width), kernels[0], strides[0], "valid" if stem == "large" else "same")
    x = LocalResponseNormalization(alpha=1e-4, beta=0.75, bias=2.0, depth_radius=2)(x)
    x = layers.MaxPooling2D(3, 2, "same" if zero_padded else "valid")(x)
    x = _convolution(x, 2, scaled(256, width), kernels[1], strides[1], "valid" if zero_padded else "same")
    x = LocalResponseNormalization(alpha=1e-4, beta=0.75, bias=2.0, depth_radius=2)(x)
    x = layers.MaxPooling2D(3, 2, "same" if zero_padded else "valid")(x)
    x = _convolution(x, 3, scaled(384, width), 3)
    x = _convolution(x, 4, scaled(384, width), 3)
    x = _convolution(x, 5, scaled(256, width), 3)
    if classes is None:
        return keras.Model(inputs, {f"stride_{4 * strides[0] * strides[1]}": x}, name=size)
    x = layers.MaxPooling2D(3, 2)(x)
    x = layers.Flatten()(x)
    for _ in range(2):
        x = layers.Dense(scaled(4096, width), "relu", kernel_initializer="he_normal")(x)
        x = layers.Dropout(0.5)(x)
    outputs = layers.Dense(classes, classifier_activation, dtype="float32", name="classifier")(x)
    return keras.Model(inputs, outputs, name=size)


def _convolution(x: Tensor, number: int, filters: int, size: int, strides: int = 1, padding: str = "same") -> Tensor:
    options = {"activation": "relu", "kernel_initializer": "he_normal", "name": f"conv_{number}"}
    return layers.Conv2D(filters, size, strides, padding, **options)(x)
