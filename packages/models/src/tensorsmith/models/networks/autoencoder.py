"""Autoencoders of small images: dense, convolutional and recurrent."""

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import keras
from keras import layers

from tensorsmith.core import check, is_integer
from tensorsmith.core.types import Activation
from tensorsmith.layers import LSTM
from tensorsmith.models.networks._support.arguments import chosen_size

Units: TypeAlias = tuple[int, ...]
Image: TypeAlias = tuple[int, int]
Code: TypeAlias = int | keras.Layer
Parts: TypeAlias = tuple[list[keras.Layer], list[keras.Layer]]


class Size(NamedTuple):
    """Row of the table of sizes.

    Attributes:
        units: Units or filters of the encoder's hidden layers, which the decoder has in reverse order.
        codings: Dimension of the code, or `None` if feature maps are the code.
        parameters: Number of parameters for images of 28 x 28 pixels.
    """

    units: Units
    codings: int | None
    parameters: int


# Géron, "Hands-On Machine Learning", 2nd edition, 2019, chapter 17.
SIZES = {
    "stacked": Size((100,), 30, 163_814),
    "convolutional": Size((16, 32, 64), None, 46_529),
    "recurrent": Size((100,), 30, 122_548),
}


def autoencoder(
    size: str = "stacked",
    input_shape: Image = (28, 28),
    code: Code | None = None,
    activation: Activation = "selu",
    output_activation: Activation = "sigmoid",
) -> keras.Model:
    """Build an autoencoder of images with one channel, which consists of the models `"encoder"` and `"decoder"`.

    The stacked autoencoder has dense layers. The convolutional one halves the image with each max pooling, and its code
    has the shape `(height // 8, width // 8, 64)`; its decoder restores images whose height and width are 4 more than a
    multiple of 8. The recurrent one reads an image as a sequence of rows.

    Source: Géron, "Hands-On Machine Learning with Scikit-Learn, Keras, and TensorFlow", 2nd edition, 2019, chapter 17.

    Args:
        size: "stacked", "convolutional" or "recurrent".
        input_shape: Height and width of the images.
        code: Dimension of the code, or the layer that computes it from vectors and has one output per example, such
            as `keras.layers.Dense(300, "sigmoid", activity_regularizer="l1")`. If `None`, it is that of the size. Must
            be `None` for the convolutional autoencoder.
        activation: Activation of the hidden layers, and of the code if it is not a layer. The LSTM layers of the
            recurrent autoencoder have their own.
        output_activation: Activation of the output. "sigmoid" returns pixels in [0, 1].

    Returns:
        A functional model whose input and output have shape `(batch, height, width)`. Its parts are returned by
        `get_layer("encoder")` and `get_layer("decoder")`.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> model = autoencoder("stacked", code=10)
        >>> model.get_layer("encoder").output_shape
        (None, 10)
    """
    chosen = chosen_size(size, SIZES)
    valid = isinstance(input_shape, tuple | list) and len(input_shape) == 2
    valid = valid and all(is_integer(side) and side > 0 for side in input_shape)
    check(valid, "input_shape", input_shape, "(height, width) with positive integers")
    if size == "convolutional":
        check(code is None, "code", code, "None for a convolutional autoencoder, whose code consists of feature maps")
        fits = all(side % 8 == 4 for side in input_shape)
        check(fits, "input_shape", tuple(input_shape), "sides that are 4 more than a multiple of 8", "Pad the images.")
    else:
        code = chosen.codings if code is None else code
        valid = isinstance(code, keras.Layer) or (is_integer(code) and code is not None and code > 0)
        check(valid, "code", code, "a positive integer or a Keras layer")
    image = tuple(input_shape)
    encoding, decoding = BUILDERS[size](chosen.units, image, code, activation, output_activation)
    encoder = keras.Sequential([keras.Input(image), *encoding], name="encoder")
    decoder = keras.Sequential([keras.Input(encoder.output_shape[1:]), *decoding], name="decoder")
    inputs = keras.Input(image)
    return keras.Model(inputs, decoder(encoder(inputs)), name=f"{size}_autoencoder")


def _stacked(units: Units, image: Image, code: Code, activation: Activation, last: Activation) -> Parts:
    def dense(units: int) -> keras.Layer:
        return layers.Dense(units, activation, kernel_initializer=_initializer(activation))

    to_code = code if isinstance(code, keras.Layer) else dense(code)
    to_image = [layers.Dense(math.prod(image), last), layers.Reshape(image)]
    return [layers.Flatten(), *map(dense, units), to_code], [*map(dense, reversed(units)), *to_image]


def _convolutional(filters: Units, image: Image, code: Code, activation: Activation, last: Activation) -> Parts:
    shared = {"activation": activation, "kernel_initializer": _initializer(activation)}
    encoding: list[keras.Layer] = [layers.Reshape((*image, 1))]
    for count in filters:
        encoding += [layers.Conv2D(count, 3, padding="same", **shared), layers.MaxPooling2D(2)]
    decoding = [
        # Three pixels become seven, as they were before the last pooling.
        layers.Conv2DTranspose(filters[1], 3, strides=2, **shared),
        layers.Conv2DTranspose(filters[0], 3, strides=2, padding="same", **shared),
        layers.Conv2DTranspose(1, 3, strides=2, padding="same", activation=last),
        layers.Reshape(image),
    ]
    return encoding, decoding


def _recurrent(units: Units, image: Image, code: Code, activation: Activation, last: Activation) -> Parts:
    def sequence(units: int) -> keras.Layer:
        return LSTM(units, return_sequences=True)

    to_code = code if isinstance(code, keras.Layer) else LSTM(code)
    decoding = [layers.RepeatVector(image[0]), *map(sequence, reversed(units)), layers.Dense(image[1], last)]
    return [*map(sequence, units), to_code], decoding


def _initializer(activation: Activation) -> str:
    return "lecun_normal" if activation == "selu" else "glorot_uniform"


BUILDERS: dict[str, Callable[..., Parts]] = {
    "stacked": _stacked,
    "convolutional": _convolutional,
    "recurrent": _recurrent,
}
