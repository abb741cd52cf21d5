"""U-Net that predicts the noise of images, for diffusion models."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tensorsmith.core import check, is_integer
from tensorsmith.core.types import Tensor
from tensorsmith.layers import MultiHeadAttention, RMSNormalization
from tensorsmith.models.networks._support.arguments import check_dropout, check_multiples, check_network

MAX_WAVELENGTH = 10000.0


def diffusion_unet(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    filters: tuple[int, ...] = (32, 64),
    patch_size: int = 2,
    blocks: int = 1,
    heads: int = 4,
    classes: int | None = None,
    dropout: float = 0.0,
) -> keras.Model:
    """Build a U-Net that predicts the noise in images, for `tensorsmith.models.Diffusion`.

    Patches of the image are embedded by a convolution with strides, as in a vision Transformer, which avoids
    convolutions at full resolution. Each level of the encoder and of the decoder has residual blocks of two
    3 x 3 convolutions, and the lowest level has self-attention between them. The step, as sines and cosines that two
    dense layers transform, scales and shifts the features of each block. The embedding of the class is added to it.

    Sources: Ho et al., "Denoising Diffusion Probabilistic Models", 2020; Nichol and Dhariwal, "Improved Denoising
    Diffusion Probabilistic Models", 2021 (scale and shift); Hoogeboom et al., "Simple Diffusion", 2023 (patches).

    Args:
        input_shape: Height, width and channels of the images. Height and width are multiples of
            `patch_size * 2 ** (len(filters) - 1)`.
        filters: Number of filters of each level, from the highest resolution to the lowest.
        patch_size: Height and width of the patches.
        blocks: Number of residual blocks per level.
        heads: Number of attention heads, which divides the number of filters of the lowest level.
        classes: Number of classes, or `None`. The embedding has another class for images without a label.
        dropout: Dropout rate between the two convolutions of a block.

    Returns:
        A functional model from noisy images, integer steps of shape `(batch,)` and, with classes, integer classes of
        shape `(batch,)`, to noise in the shape of the images.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> network = diffusion_unet((28, 28, 1), classes=10)
        >>> [tuple(tensor.shape) for tensor in network.inputs]
        [(None, 28, 28, 1), (None,), (None,)]
        >>> network.output_shape
        (None, 28, 28, 1)
    """
    _check_arguments(input_shape, filters, patch_size, blocks, heads, classes)
    check_dropout(dropout)
    units = 4 * filters[0]
    images, steps = keras.Input(input_shape, name="images"), keras.Input((), dtype="int32", name="steps")
    inputs = [images, steps]
    condition = layers.Dense(units, "silu")(_sinusoids(steps, filters[0]))
    condition = layers.Dense(units)(condition)
    if classes is not None:
        # Exported models assign a dict of inputs in the order of its keys, which must be that of the inputs.
        labels = keras.Input((), dtype="int32", name="target_classes")
        inputs.append(labels)
        # With the scale of the embedded step, in place of the small default values.
        initializer = keras.initializers.RandomNormal(stddev=1.0)
        embedded = layers.Embedding(classes + 1, units, embeddings_initializer=initializer)(labels)
        condition = layers.Add()([condition, embedded])
    condition = layers.Activation("silu")(condition)

    x = layers.Conv2D(filters[0], patch_size, strides=patch_size)(images)
    skipped = []
    for level, count in enumerate(filters):
        if level:
            x = layers.Conv2D(count, 3, strides=2, padding="same")(x)
        for _ in range(blocks):
            x = _residual_block(x, condition, count, dropout)
            skipped.append(x)
    x = _self_attention(x, heads)
    x = _residual_block(x, condition, filters[-1], dropout)
    for level, count in reversed(list(enumerate(filters))):
        for _ in range(blocks):
            x = _residual_block(layers.Concatenate()([x, skipped.pop()]), condition, count, dropout)
        if level:
            x = layers.Conv2DTranspose(filters[level - 1], 2, strides=2)(x)
    x = layers.Activation("silu")(RMSNormalization()(x))
    x = layers.Conv2DTranspose(input_shape[2], patch_size, strides=patch_size, kernel_initializer="zeros")(x)
    return keras.Model(inputs, x, name="diffusion_unet")


def _sinusoids(steps: Tensor, features: int) -> Tensor:
    """Return sines and cosines of the step with different wavelengths."""
    frequencies = MAX_WAVELENGTH ** -np.linspace(0, 1, features // 2, dtype="float32")
    angles = ops.expand_dims(ops.cast(steps, "float32"), 1) * frequencies
    return layers.Concatenate()([ops.sin(angles), ops.cos(angles)])


def _residual_block(x: Tensor, condition: Tensor, filters: int, dropout: float) -> Tensor:
    """Apply two 3 x 3 convolutions, the second of which begins with zeros, so that the block begins as the identity."""
    shortcut = x if x.shape[-1] == filters else layers.Conv2D(filters, 1)(x)
    x = layers.Activation("silu")(RMSNormalization()(x))
    x = layers.Conv2D(filters, 3, padding="same")(x)
    scale, shift = (layers.Reshape((1, 1, filters))(layers.Dense(filters)(condition)) for _ in range(2))
    x = RMSNormalization()(x)
    x = layers.Activation("silu")(layers.Add()([x, layers.Multiply()([x, scale]), shift]))
    x = layers.Dropout(dropout)(x)
    x = layers.Conv2D(filters, 3, padding="same", kernel_initializer="zeros")(x)
    return layers.Add()([shortcut, x])


def _self_attention(x: Tensor, heads: int) -> Tensor:
    """Apply self-attention between all positions."""
    height, width, filters = x.shape[1:]
    positions = layers.Reshape((height * width, filters))(RMSNormalization()(x))
    attended = MultiHeadAttention(heads, filters // heads)(positions, positions)
    return layers.Add()([x, layers.Reshape((height, width, filters))(attended)])


def _check_arguments(shape: Any, filters: Any, patch_size: Any, blocks: Any, heads: Any, classes: Any) -> None:
    check_network(shape, classes)
    check(classes != 1, "classes", classes, "at least 2, or None for a network without classes")
    valid = isinstance(filters, tuple | list) and len(filters) > 0
    valid = valid and all(is_integer(count) and count > 1 and count % 2 == 0 for count in filters)
    check(valid, "filters", filters, "a tuple of positive even integers")
    for name, value in (("patch_size", patch_size), ("blocks", blocks), ("heads", heads)):
        check(is_integer(value) and value > 0, name, value, "a positive integer")
    check(filters[-1] % heads == 0, "heads", heads, f"a divisor of the {filters[-1]} filters of the lowest level")
    check_multiples("input_shape", shape, patch_size * 2 ** (len(filters) - 1))
