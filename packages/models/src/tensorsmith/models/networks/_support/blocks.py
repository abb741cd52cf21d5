"""Blocks of layers that several networks share."""

from typing import Any

from keras import layers

from tensorsmith.core.types import Activation, Tensor


def scaled(filters: float, width: float, divisor: int = 8) -> int:
    """Return a number of filters times a width factor, rounded to a multiple of 8 that is at least 90 % of it."""
    wanted = filters * width
    rounded = max(divisor, int(wanted + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * wanted else rounded


def convolution(
    x: Tensor, filters: int, size: int, strides: int = 1, activation: Activation = "relu", **options: Any
) -> Tensor:
    """Apply a convolution without bias, batch normalization and an activation."""
    options = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal", **options}
    if size == 1:
        x, strides = subsampled(x, strides), 1
    x = layers.Conv2D(filters, size, strides, **options)(x)
    x = layers.BatchNormalization()(x)
    return x if activation is None else layers.Activation(activation)(x)


def subsampled(x: Tensor, strides: int) -> Tensor:
    """Return every second position, for strides of 2, as a 1 x 1 convolution with strides would read.

    The gradient of such a convolution can end the process in TensorFlow 2.21 with oneDNN (with 8 channels on AVX-512).
    """
    return x if strides == 1 else layers.MaxPooling2D(1, strides, "same")(x)


def inverted_residual(x: Tensor, expansion: int, filters: int, size: int, strides: int) -> Tensor:
    """Apply an expansion of the channels, a depthwise convolution and a projection without activation."""
    shortcut = x
    if expansion > 1:
        x = convolution(x, expansion * x.shape[-1], 1, activation="relu6")
    x = layers.DepthwiseConv2D(size, strides, "same", use_bias=False)(x)
    x = layers.Activation("relu6")(layers.BatchNormalization()(x))
    x = convolution(x, filters, 1, activation=None)
    return layers.Add()([shortcut, x]) if strides == 1 and shortcut.shape[-1] == filters else x


def global_classifier(x: Tensor, classes: int, classifier_activation: Activation) -> Tensor:
    """Apply global average pooling and a dense layer, whose output is float32 also in mixed precision."""
    x = layers.GlobalAveragePooling2D()(x)
    return layers.Dense(classes, classifier_activation, dtype="float32", name="classifier")(x)
