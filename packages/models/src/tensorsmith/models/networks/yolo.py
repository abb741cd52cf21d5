"""Detector with anchors on a grid of cells, in the style of YOLO."""

import math

import keras
from keras import layers

from tensorsmith.core import check, is_integer
from tensorsmith.models.networks._support.arguments import end_point
from tensorsmith.models.networks._support.blocks import convolution

PRIOR = 0.01  # initial probability of an object, as most boxes have none (Lin et al., 2017)


def yolo(
    backbone: keras.Model,
    anchors: int,
    classes: int,
    stride: int = 16,
    filters: int = 256,
) -> keras.Model:
    """Build a detector that predicts boxes relative to anchors, and a class for each cell of a grid.

    The last feature map is upsampled to the resolution of the grid, concatenated with the feature map of the grid, and
    followed by two 3 x 3 convolutions. The outputs are logits in the format of `tensorsmith.losses.YOLOLoss`, and
    `tensorsmith.image.boxes` encodes targets, decodes the outputs and suppresses duplicate boxes.

    Source: Redmon and Farhadi, "YOLO9000: Better, Faster, Stronger", 2017; upsampled features: "YOLOv3: An Incremental
    Improvement", 2018.

    Args:
        backbone: Model with a dict of feature maps, such as `resnet("18", (96, 96, 1), classes=None)`. The height and
            width of the images must be multiples of its largest stride, such as 32. This is not checked for a
            backbone for images of any size: other sizes raise an error of TensorFlow if feature maps do not match.
        anchors: Number of anchors of each cell.
        classes: Number of classes.
        stride: Height and width of a cell in pixels. The backbone has a feature map of this stride.
        filters: Number of filters of the convolutions after the backbone.

    Returns:
        A functional model that maps images to a tensor of shape `(batch, height / stride, width / stride, 5 * anchors +
        classes)`.

    Raises:
        ValueError: If an argument is invalid, or the backbone lacks a feature map.

    Example:
        >>> from tensorsmith.models import resnet
        >>> backbone = resnet("18", (96, 96, 1), classes=None, width=0.25)
        >>> yolo(backbone, anchors=3, classes=10, stride=8).output.shape
        (None, 12, 12, 25)
    """
    for name, number in (("anchors", anchors), ("classes", classes), ("stride", stride), ("filters", filters)):
        check(is_integer(number) and number > 0, name, number, "a positive integer")
    x = end_point(backbone, stride)
    coarsest = max(int(name.removeprefix("stride_")) for name in backbone.output)
    if coarsest > stride:
        context = convolution(backbone.output[f"stride_{coarsest}"], filters, 1)
        upsampled = layers.UpSampling2D(coarsest // stride)(context)
        sides = [side for side in backbone.input.shape[1:3] if side is not None]
        expected = f"one for images whose height and width are multiples of {coarsest}"
        check(not any(side % coarsest for side in sides), "backbone", tuple(backbone.input.shape), expected)
        x = layers.Concatenate()([x, upsampled])
    for _ in range(2):
        x = convolution(x, filters, 3)
    x = layers.Conv2D(5 * anchors + classes, 1, dtype="float32", name="predictions")(x)
    # The initial logits of objects are low, so that the many cells without one do not dominate the first steps.
    prior = [0.0] * 4 + [-math.log(1 / PRIOR - 1)]
    outputs = x + keras.ops.convert_to_tensor(prior * anchors + [0.0] * classes, "float32")
    return keras.Model(backbone.input, outputs, name="yolo")
