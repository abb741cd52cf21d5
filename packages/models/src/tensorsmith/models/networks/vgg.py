"""VGG networks of Simonyan and Zisserman."""

from typing import NamedTuple

import keras
from keras import layers

from tensorsmith.core.types import Activation
from tensorsmith.models.networks._support.arguments import check_network, chosen_size
from tensorsmith.models.networks._support.blocks import scaled


class Size(NamedTuple):
    """Size of a VGG network.

    Attributes:
        convolutions: Number of convolutions before each pooling.
        parameters: Number of parameters with images of 224 x 224 pixels, 3 channels and 1000 classes.
    """

    convolutions: tuple[int, ...]
    parameters: int


FILTERS = (64, 128, 256, 512, 512)
# Simonyan and Zisserman, 2015, table 1, columns A, B, D and E. Exact numbers of parameters: torchvision.
SIZES = {
    "11": Size((1, 1, 2, 2, 2), 132_863_336),
    "13": Size((2, 2, 2, 2, 2), 133_047_848),
    "16": Size((2, 2, 3, 3, 3), 138_357_544),
    "19": Size((2, 2, 4, 4, 4), 143_667_240),
}


def vgg(
    size: str,
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    classes: int | None = 1000,
    width: float = 1.0,
    classifier_activation: Activation = "softmax",
) -> keras.Model:
    """Build a VGG network: 3 x 3 convolutions, max pooling, and two hidden dense layers with dropout.

    For pretrained weights, use `keras.applications.VGG16` or `VGG19`.

    Source: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2015.

    Args:
        size: Number of layers: "11", "13", "16" or "19".
        input_shape: Height, width and number of channels of the images. Without classes, height and width may be
            `None`; they must be at least 32, which is not checked if they are unknown.
        classes: Number of classes. If `None`, the model returns the output of each pooling.
        width: Factor of the numbers of filters and units, which are rounded to multiples of 8.
        classifier_activation: Activation of the classifier. If `None`, the model returns logits.

    Returns:
        A functional model. Its output has shape `(batch, classes)`, or is a dict of feature maps with the names
        `"stride_{s}"`.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> vgg("16", (32, 32, 3), classes=10, width=0.25).output.shape
        (None, 10)
    """
    chosen = chosen_size(size, SIZES)
    check_network(input_shape, classes, width, 32, fixed=True, remedy="Pad or resize the images.")
    inputs = x = keras.Input(input_shape)
    end_points = {}
    for stage, (count, filters) in enumerate(zip(chosen.convolutions, FILTERS, strict=True)):
        for number in range(count):
            options = {"activation": "relu", "kernel_initializer": "he_normal"}
            name = f"block{stage + 1}_conv{number + 1}"
            x = layers.Conv2D(scaled(filters, width), 3, padding="same", name=name, **options)(x)
        x = layers.MaxPooling2D()(x)
        end_points[f"stride_{2 ** (stage + 1)}"] = x
    if classes is None:
        return keras.Model(inputs, end_points, name=f"vgg_{size}")
    x = layers.Flatten()(x)
    for _ in range(2):
        x = layers.Dense(scaled(4096, width), "relu", kernel_initializer="he_normal")(x)
        x = layers.Dropout(0.5)(x)
    outputs = layers.Dense(classes, classifier_activation, dtype="float32", name="classifier")(x)
    return keras.Model(inputs, outputs, name=f"vgg_{size}")
