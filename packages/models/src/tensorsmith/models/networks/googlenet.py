"""GoogLeNet, with optional auxiliary classifiers and squeeze-and-excitation."""

from typing import Any, NamedTuple

import keras
from keras import layers

from tensorsmith.core import check, is_integer
from tensorsmith.core.types import Activation, Tensor
from tensorsmith.layers import InceptionModule, LocalResponseNormalization, SqueezeExcitation
from tensorsmith.models.networks._support.arguments import check_network, check_option
from tensorsmith.models.networks._support.blocks import scaled


class Size(NamedTuple):
    """Number of parameters of GoogLeNet, with 3 channels and 1000 classes.

    Attributes:
        parameters: Without the auxiliary classifiers.
        auxiliary_parameters: Of both auxiliary classifiers.
    """

    parameters: int
    auxiliary_parameters: int


STEMS = ("large", "small")
# Filters of each Inception module, and "pool" for a max pooling: Szegedy et al., 2015, table 1.
MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
AUXILIARY = ("4a", "4d")  # modules that are followed by an auxiliary classifier
# The paper gives 6.8 M for its table, with weights only; exact numbers: BVLC GoogLeNet of Caffe.
SIZES = {"googlenet": Size(6_998_552, 6_379_728)}


def googlenet(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    classes: int | None = 1000,
    width: float = 1.0,
    stem: str = "large",
    auxiliary: bool = False,
    normalization: str | None = None,
    squeeze_ratio: int | None = None,
    classifier_activation: Activation = "softmax",
) -> keras.Model:
    """Build GoogLeNet (Inception-v1), or SE-Inception if `squeeze_ratio` is given.

    Source: Szegedy et al., "Going Deeper with Convolutions", 2015; Hu et al., "Squeeze-and-Excitation Networks", 2018.

    Args:
        input_shape: Height, width and number of channels of the images. Height and width may be `None` without
            auxiliary classifiers.
        classes: Number of classes. If `None`, the model returns the features of each stage.
        width: Factor of the numbers of filters, which are rounded to multiples of 8.
        stem: First layers: "large" as in the paper (strides of 8 in total), or "small" for images of about 32 x 32
            pixels (a 3 x 3 convolution without strides).
        auxiliary: If `True`, the model has two auxiliary classifiers. The paper adds their losses with a weight of 0.3:
            `compile(loss_weights={"classifier": 1.0, "auxiliary_1": 0.3, "auxiliary_2": 0.3})`.
        normalization: "batch" for batch normalization after each convolution of the Inception modules, or `None`.
        squeeze_ratio: Reduction ratio of the squeeze-and-excitation after each module. If `None`, there is none.
        classifier_activation: Activation of the classifiers. If `None`, the model returns logits.

    Returns:
        A functional model. Its output has shape `(batch, classes)`; with auxiliary classifiers, it is a dict of three
        such tensors, and without classes a dict of feature maps with the names `"stride_{s}"`.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> model = googlenet((32, 32, 1), classes=10, width=0.5, stem="small", auxiliary=True)
        >>> sorted(model.output)
        ['auxiliary_1', 'auxiliary_2', 'classifier']
    """
    check_option("stem", stem, STEMS)
    smallest = (80 if stem == "large" else 10) if auxiliary else 1
    check_network(input_shape, classes, width, smallest, fixed=auxiliary, remedy="Pass auxiliary=False.")
    valid = squeeze_ratio is None or (is_integer(squeeze_ratio) and squeeze_ratio > 0)
    check(valid, "squeeze_ratio", squeeze_ratio, "a positive integer or None")
    check(not (auxiliary and classes is None), "auxiliary", auxiliary, "False without classes")

    inputs = keras.Input(input_shape)
    x, stride = _stem(inputs, stem, width)
    end_points, outputs = {}, {}
    for name, filters in MODULES.items():
        if name in ("4a", "5a"):
            end_points[f"stride_{stride}"] = x
            x = layers.MaxPooling2D(3, 2, "same")(x)
            stride *= 2
        numbers = [scaled(number, width) for number in filters]
        options: dict[str, Any] = {"normalization": normalization, "name": f"inception_{name}"}
        x = InceptionModule(*numbers, **options)(x)
        if squeeze_ratio is not None:
            x = SqueezeExcitation(squeeze_ratio)(x)
        if auxiliary and name in AUXILIARY:
            number = AUXILIARY.index(name) + 1
            outputs[f"auxiliary_{number}"] = _auxiliary(x, number, classes, width, classifier_activation)
    end_points[f"stride_{stride}"] = x
    if classes is None:
        return keras.Model(inputs, end_points, name="googlenet")
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.4)(x)
    classified = layers.Dense(classes, classifier_activation, dtype="float32", name="classifier")(x)
    return keras.Model(inputs, {"classifier": classified, **outputs} if outputs else classified, name="googlenet")


def _stem(x: Tensor, stem: str, width: float) -> tuple[Tensor, int]:
    """Return the output of the first layers, and its stride."""
    options = {"padding": "same", "activation": "relu", "kernel_initializer": "he_normal"}
    if stem == "small":
        return layers.Conv2D(scaled(192, width), 3, **options)(x), 1
    x = layers.Conv2D(scaled(64, width), 7, 2, **options)(x)
    x = layers.MaxPooling2D(3, 2, "same")(x)
    x = LocalResponseNormalization(alpha=1e-4, beta=0.75, size=5)(x)
    x = layers.Conv2D(scaled(64, width), 1, **options)(x)
    x = layers.Conv2D(scaled(192, width), 3, **options)(x)
    x = LocalResponseNormalization(alpha=1e-4, beta=0.75, size=5)(x)
    return layers.MaxPooling2D(3, 2, "same")(x), 8


def _auxiliary(x: Tensor, number: int, classes: int | None, width: float, activation: Activation) -> Tensor:
    """Return the output of an auxiliary classifier."""
    x = layers.AveragePooling2D(5, 3)(x)
    x = layers.Conv2D(scaled(128, width), 1, activation="relu", kernel_initializer="he_normal")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(scaled(1024, width), "relu", kernel_initializer="he_normal")(x)
    x = layers.Dropout(0.7)(x)
    return layers.Dense(classes, activation, dtype="float32", name=f"auxiliary_{number}")(x)
