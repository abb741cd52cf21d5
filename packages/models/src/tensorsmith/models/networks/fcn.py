"""Fully convolutional networks for semantic segmentation."""

import keras
from keras import layers

from tensorsmith.core import check, is_integer
from tensorsmith.core.types import Activation, Tensor
from tensorsmith.layers.initializers import Bilinear
from tensorsmith.models.networks._support.arguments import check_dropout, check_option, end_point
from tensorsmith.models.networks._support.image_size import ImageSizeCheck

# Strides of the feature maps whose predictions are added, from coarse to fine.
SIZES = {"32": (32,), "16": (32, 16), "8": (32, 16, 8)}


def fcn(
    size: str,
    backbone: keras.Model,
    classes: int,
    units: int = 4096,
    kernel_size: int = 7,
    dropout: float = 0.5,
    classifier_activation: Activation = "softmax",
) -> keras.Model:
    """Build a fully convolutional network (FCN) for semantic segmentation.

    The dense layers of a classifier become convolutions, which predict the classes of each position of the last feature
    map. FCN-32 upsamples these predictions by 32. FCN-16 and FCN-8 upsample by 2, add predictions from finer feature
    maps, and upsample the sum by 16 or 8. Upsampling is a transposed convolution that starts as bilinear interpolation.

    Source: Long et al., "Fully Convolutional Networks for Semantic Segmentation", 2015.

    Args:
        size: "32", "16" or "8".
        backbone: Model with a dict of feature maps, such as `vgg("16", (None, None, 3), classes=None)`.
        classes: Number of classes.
        units: Number of filters of the two convolutions that replace hidden dense layers.
        kernel_size: Kernel size of the first of them.
        dropout: Dropout rate after each of them.
        classifier_activation: Activation of the classifier. If `None`, the model returns logits.

    Returns:
        A functional model that maps images, whose height and width are multiples of 32, to a tensor of shape `(batch,
        height, width, classes)`. For a backbone for images of any size, other sizes raise a `ValueError`, or an
        `InvalidArgumentError` in a graph with unknown sizes.

    Raises:
        ValueError: If an argument is invalid, or the backbone lacks a feature map.

    Example:
        >>> from tensorsmith.models import vgg
        >>> backbone = vgg("16", (64, 64, 3), classes=None, width=0.25)
        >>> fcn("8", backbone, classes=3, units=64, kernel_size=1).output.shape
        (None, 64, 64, 3)
    """
    check_option("size", size, SIZES)
    for name, number in (("classes", classes), ("units", units), ("kernel_size", kernel_size)):
        check(is_integer(number) and number > 0, name, number, "a positive integer")
    check_dropout(dropout)
    coarsest, *finer = SIZES[size]
    x = end_point(backbone, coarsest)
    sides = [side for side in backbone.input.shape[1:3] if side is not None]
    expected = f"one for images whose height and width are multiples of {coarsest}"
    check(not any(side % coarsest for side in sides), "backbone", tuple(backbone.input.shape), expected)
    if len(sides) < 2:
        # The name differs from that of the check in a backbone.
        x = ImageSizeCheck(coarsest, coarsest, name="segmented_image_size")(backbone.input, x)
    for kernel in (kernel_size, 1):
        x = layers.Conv2D(units, kernel, padding="same", activation="relu", kernel_initializer="he_normal")(x)
        x = layers.Dropout(dropout)(x)
    scores = layers.Conv2D(classes, 1, name=f"scores_{coarsest}")(x)
    for stride in finer:
        # Zeros, so that training starts from the predictions of the coarser network.
        finer_scores = layers.Conv2D(classes, 1, kernel_initializer="zeros", name=f"scores_{stride}")
        upsampled = _upsampled(scores, 2, f"upsampling_to_{stride}")
        scores = layers.Add()([upsampled, finer_scores(end_point(backbone, stride))])
    scores = _upsampled(scores, SIZES[size][-1], "upsampling_to_1")
    outputs = layers.Activation(classifier_activation, dtype="float32", name="classifier")(scores)
    return keras.Model(backbone.input, outputs, name=f"fcn_{size}")


def _upsampled(x: Tensor, factor: int, name: str) -> Tensor:
    options = {"padding": "same", "use_bias": False, "kernel_initializer": Bilinear()}
    return layers.Conv2DTranspose(x.shape[-1], 2 * factor, factor, name=name, **options)(x)
