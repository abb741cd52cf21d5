"""Networks of deep convolutional generative adversarial networks (DCGAN)."""

from typing import Any

import keras
from keras import layers

from tensorsmith.core import check, is_integer
from tensorsmith.core.types import Activation
from tensorsmith.layers import Dropout
from tensorsmith.models.networks._support.arguments import check_dropout, check_filters, check_multiples, check_network

KERNEL_SIZE = 5


def dcgan_generator(
    codings: int = 100,
    output_shape: tuple[int, int, int] = (28, 28, 1),
    filters: tuple[int, ...] = (128, 64),
    classes: int | None = None,
    activation: Activation = "selu",
    output_activation: Activation = "tanh",
) -> keras.Model:
    """Build the generator of a DCGAN: transposed convolutions that double the size of an image step by step.

    A dense layer transforms the codes into feature maps, which are followed by `len(filters)` transposed convolutions
    of stride 2 and 5 x 5 pixels, with batch normalization before each of them. The defaults are those of the book, with
    840,705 parameters; the paper uses ReLU and four convolutions.

    Sources: Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
    Networks", 2016; Géron, "Hands-On Machine Learning with Scikit-Learn, Keras, and TensorFlow", 2nd edition, 2019,
    chapter 17; Mirza and Osindero, "Conditional Generative Adversarial Nets", 2014 (`classes`).

    Args:
        codings: Dimension of the codes.
        output_shape: Height, width and channels of the images. Height and width are multiples of
            `2 ** len(filters)`.
        filters: Numbers of feature maps, beginning with those that the dense layer computes.
        classes: Number of classes, or `None`. With classes, the one-hot encoded class is appended to the codes.
        activation: Activation of the hidden convolutions.
        output_activation: Activation of the output. "tanh" returns pixels in [-1, 1].

    Returns:
        A functional model from codes of shape `(batch, codings)` to images of shape `(batch, *output_shape)`. With
        classes, its inputs are codes and integer classes of shape `(batch,)`.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> dcgan_generator().count_params()
        840705
    """
    check(is_integer(codings) and codings > 0, "codings", codings, "a positive integer")
    _check_images("output_shape", output_shape, filters, classes)
    height, width, channels = output_shape
    scale = 2 ** len(filters)
    inputs = codes = keras.Input((codings,), name="codes")
    if classes is not None:
        labels = keras.Input((), dtype="int32", name="labels")
        inputs, codes = [codes, labels], layers.Concatenate()([codes, _one_hot(labels, classes)])
    x = layers.Dense(height // scale * (width // scale) * filters[0])(codes)
    x = layers.Reshape((height // scale, width // scale, filters[0]))(x)
    for count in filters[1:]:
        x = layers.BatchNormalization()(x)
        x = layers.Conv2DTranspose(count, KERNEL_SIZE, strides=2, padding="same", activation=activation)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Conv2DTranspose(channels, KERNEL_SIZE, strides=2, padding="same", activation=output_activation)(x)
    return keras.Model(inputs, x, name="generator")


def dcgan_discriminator(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    filters: tuple[int, ...] = (64, 128),
    classes: int | None = None,
    dropout: float = 0.4,
) -> keras.Model:
    """Build the discriminator of a DCGAN: convolutions of stride 2 and 5 x 5 pixels, leaky ReLU and dropout.

    The defaults are those of the book, with 212,865 parameters. With classes, the score is that of the image plus the
    product of its features and an embedding of its class (a projection discriminator).

    Sources: Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
    Networks", 2016; Géron, "Hands-On Machine Learning with Scikit-Learn, Keras, and TensorFlow", 2nd edition, 2019,
    chapter 17; Miyato and Koyama, "cGANs with Projection Discriminator", 2018 (`classes`).

    Args:
        input_shape: Height, width and channels of the images. Height and width are multiples of `2 ** len(filters)`.
        filters: Numbers of filters of the convolutions.
        classes: Number of classes, or `None`.
        dropout: Dropout rate after each convolution. Regularize the critic of a Wasserstein GAN by its gradient
            penalty, and pass 0.

    Returns:
        A functional model from images to scores of shape `(batch, 1)`, without an activation. With classes, its inputs
        are images and integer classes of shape `(batch,)`.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> dcgan_discriminator().count_params()
        212865
    """
    _check_images("input_shape", input_shape, filters, classes)
    check_dropout(dropout)
    inputs = x = keras.Input(input_shape, name="images")
    for count in filters:
        x = layers.Conv2D(count, KERNEL_SIZE, strides=2, padding="same")(x)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
        x = Dropout(dropout)(x)
    features = layers.Flatten()(x)
    scores = layers.Dense(1)(features)
    if classes is not None:
        labels = keras.Input((), dtype="int32", name="labels")
        embedded = layers.Dense(features.shape[-1], use_bias=False, name="embedding")(_one_hot(labels, classes))
        inputs, scores = [inputs, labels], layers.Add()([scores, layers.Dot(1)([features, embedded])])
    return keras.Model(inputs, scores, name="discriminator")


def _one_hot(labels: Any, classes: int) -> Any:
    return layers.CategoryEncoding(classes, output_mode="one_hot")(layers.Reshape((1,))(labels))


def _check_images(name: str, shape: Any, filters: Any, classes: Any) -> None:
    """Raise an error if the shape of the images, the numbers of filters or the number of classes is invalid."""
    check_network(shape, classes, name=name)
    check(classes != 1, "classes", classes, "at least 2, or None for networks without classes")
    check_filters(filters)
    check_multiples(name, shape, 2 ** len(filters))  # one halving for each layer
