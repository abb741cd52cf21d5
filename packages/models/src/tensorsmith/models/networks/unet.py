"""U-Net for semantic segmentation."""

from typing import NamedTuple

import keras
from keras import layers

from tensorsmith.core import check, is_integer
from tensorsmith.core.types import Activation, Tensor
from tensorsmith.models.networks._support.arguments import check_dropout, check_network, chosen_size
from tensorsmith.models.networks._support.blocks import scaled


class Size(NamedTuple):
    """Size of a U-Net.

    Attributes:
        filters: Number of filters of each level.
        parameters: Number of parameters with 1 channel and 2 classes, without normalization.
    """

    filters: tuple[int, ...]
    parameters: int


# Ronneberger et al., 2015, figure 1, whose layers have 31 M parameters.
SIZES = {
    "original": Size((64, 128, 256, 512, 1024), 31_030_658),
    "small": Size((16, 32, 64, 128), 481_762),
}


def unet(
    size: str,
    input_shape: tuple[int | None, int | None, int],
    classes: int,
    width: float = 1.0,
    normalization: bool = True,
    dropout: float = 0.0,
    classifier_activation: Activation = "softmax",
) -> keras.Model:
    """Build a U-Net: an encoder and a decoder with a connection at each level.

    In contrast to the paper, convolutions pad their input, so that the output has the size of the image.

    Source: Ronneberger et al., "U-Net: Convolutional Networks for Biomedical Image Segmentation", 2015.

    Args:
        size: "original" (5 levels of 64 to 1024 filters) or "small" (4 levels of 16 to 128 filters).
        input_shape: Height, width and number of channels of the images. Height and width are multiples of 16 ("small":
            8), or `None`; images of other sizes then raise an error of TensorFlow about the shapes of feature maps.
        classes: Number of classes.
        width: Factor of the numbers of filters, which are rounded to multiples of 8.
        normalization: If `True`, each 3 x 3 convolution is followed by batch normalization, which the paper does not
            use.
        dropout: Dropout rate of the features with the lowest resolution.
        classifier_activation: Activation of the classifier. If `None`, the model returns logits.

    Returns:
        A functional model that maps images to a tensor of shape `(batch, height, width, classes)`.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> unet("small", (128, 128, 3), classes=3).output.shape
        (None, 128, 128, 3)
    """
    chosen = chosen_size(size, SIZES)
    check_network(input_shape, classes, width)
    check(classes is not None, "classes", classes, "a positive integer")
    check_dropout(dropout)
    stride = 2 ** (len(chosen.filters) - 1)
    divisible = all(side is None or (is_integer(side) and side % stride == 0) for side in input_shape[:2])
    remedy = "Pad the images."
    check(divisible, "input_shape", tuple(input_shape), f"a height and width that are multiples of {stride}", remedy)
    *upper, lowest = (scaled(filters, width) for filters in chosen.filters)

    inputs = x = keras.Input(input_shape)
    skipped = []
    for filters in upper:
        x = _convolutions(x, filters, normalization)
        skipped.append(x)
        x = layers.MaxPooling2D()(x)
    x = _convolutions(x, lowest, normalization)
    x = layers.Dropout(dropout)(x)
    for filters, features in zip(reversed(upper), reversed(skipped), strict=True):
        x = layers.Conv2DTranspose(filters, 2, 2, kernel_initializer="he_normal")(x)
        x = layers.Concatenate()([features, x])
        x = _convolutions(x, filters, normalization)
    x = layers.Conv2D(classes, 1)(x)
    outputs = layers.Activation(classifier_activation, dtype="float32", name="classifier")(x)
    return keras.Model(inputs, outputs, name=f"unet_{size}")


def _convolutions(x: Tensor, filters: int, normalization: bool) -> Tensor:
    """Apply two 3 x 3 convolutions with ReLU."""
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=not normalization, kernel_initializer="he_normal")(x)
        x = layers.ReLU()(layers.BatchNormalization()(x) if normalization else x)
    return x
