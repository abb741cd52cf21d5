"""LeNet-5, the convolutional network for handwritten digits."""

from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from tensorsmith.core.types import Activation
from tensorsmith.layers import LearnedAveragePooling2D, RBFOutput, SparselyConnectedConv2D
from tensorsmith.models.networks._support.arguments import check_network, chosen_size


class Size(NamedTuple):
    """Version of LeNet-5.

    Attributes:
        original: If `True`, the layers are those of the paper.
        parameters: Number of trainable parameters with 1 channel and 10 classes.
    """

    original: bool
    parameters: int


# Original: LeCun et al., 1998, section II.B, "60,000 trainable free parameters"; the RBF output is not trained.
SIZES = {"original": Size(True, 60_000), "modern": Size(False, 61_706)}


def lenet5(
    size: str = "original",
    input_shape: tuple[int, int, int] = (32, 32, 1),
    classes: int | None = 10,
    classifier_activation: Activation = "softmax",
) -> keras.Model:
    """Build LeNet-5.

    The original has average pooling with learned coefficients, a second convolution whose maps are connected to some of
    the maps before, and as its output the squared distances to a fixed code of -1 and 1 for each class. The negated
    distances are logits, so that it is trained with cross-entropy. The modern version has average pooling, a full
    convolution and a dense layer instead.

    Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998.

    Args:
        size: "original" or "modern".
        input_shape: Height, width and number of channels of the images.
        classes: Number of classes. If `None`, the model returns the 84 features before the output layer.
        classifier_activation: Activation of the outputs, which are negated squared distances for the original. If
            `None`, the model returns logits.

    Returns:
        A functional model whose output has shape `(batch, classes)` or `(batch, 84)`.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> lenet5("modern").count_params()
        61706
    """
    original = chosen_size(size, SIZES).original
    check_network(input_shape, classes, smallest=32, fixed=True, remedy="Pad the images.")

    def pooling() -> keras.Layer:
        return LearnedAveragePooling2D() if original else layers.AveragePooling2D(2)

    inputs = keras.Input(input_shape)
    x = layers.Conv2D(6, 5, activation="tanh")(inputs)
    x = layers.Activation("tanh")(pooling()(x))
    x = SparselyConnectedConv2D(SparselyConnectedConv2D.LENET_C3, 5)(x) if original else layers.Conv2D(16, 5)(x)
    x = layers.Activation("tanh")(x)
    x = layers.Activation("tanh")(pooling()(x))
    x = layers.Conv2D(120, 5, activation="tanh")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(84, "tanh")(x)
    if classes is not None:
        if original:
            # The paper draws bitmaps of the characters, and mentions random codes as the alternative.
            codes = keras.initializers.Constant(np.random.default_rng(0).choice([-1.0, 1.0], (84, classes)))
            distances = RBFOutput(classes, codes, trainable=False, dtype="float32", name="classifier")(x)
            x = layers.Activation(classifier_activation, dtype="float32")(-distances)
        else:
            x = layers.Dense(classes, classifier_activation, dtype="float32", name="classifier")(x)
    return keras.Model(inputs, x, name=f"lenet5_{size}")
