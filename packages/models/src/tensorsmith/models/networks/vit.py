"""Vision Transformer."""

from typing import NamedTuple

import keras
from keras import layers

from tensorsmith.core import Verbatim, check, is_integer
from tensorsmith.core.types import Activation, Tensor
from tensorsmith.layers import Dense, Dropout, LayerNormalization, LearnedPositionalEncoding, MultiHeadAttention
from tensorsmith.models.networks._support.arguments import check_network, check_transformer, chosen_size
from tensorsmith.models.networks._support.blocks import scaled


class Size(NamedTuple):
    """Size of a Vision Transformer.

    Attributes:
        blocks: Number of Transformer blocks.
        width: Number of features of a token.
        heads: Number of attention heads.
        parameters: Number of parameters with images of 224 x 224 pixels, 3 channels, patches of 16 x 16 pixels and 1000
            classes.
    """

    blocks: int
    width: int
    heads: int
    parameters: int


# Base and large: Dosovitskiy et al., 2021, table 1; tiny and small: Touvron et al., 2021, table 1. The parameters are
# those of timm without the class token, which is here one vector with its position.
SIZES = {
    "tiny": Size(12, 192, 3, 5_717_416 - 192),
    "small": Size(12, 384, 6, 22_050_664 - 384),
    "base": Size(12, 768, 12, 86_567_656 - 768),
    "large": Size(24, 1024, 16, 304_326_632 - 1024),
}


def vit(
    size: str,
    input_shape: tuple[int, int, int] = (224, 224, 3),
    classes: int | None = 1000,
    width: float = 1.0,
    patch_size: int = 16,
    blocks: int | None = None,
    dropout: float = 0.0,
    classifier_activation: Activation = "softmax",
) -> keras.Model:
    """Build a Vision Transformer, with layer normalization before attention and dense layers.

    Source: Dosovitskiy et al., "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale", 2021.

    Args:
        size: "tiny", "small", "base" or "large".
        input_shape: Height, width and number of channels of the images. Height and width are multiples of `patch_size`.
        classes: Number of classes. If `None`, the model returns the features of all patches.
        width: Factor of the number of features, which is rounded to a multiple of 8 times the number of heads.
        patch_size: Height and width of the patches, in pixels.
        blocks: Number of Transformer blocks. If `None`, that of the size.
        dropout: Dropout rate of the embeddings and in each block.
        classifier_activation: Activation of the classifier. If `None`, the model returns logits.

    Returns:
        A functional model. Its output has shape `(batch, classes)`, or is a dict with the feature map
        `"stride_{patch_size}"`.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> vit("tiny", (32, 32, 3), classes=10, width=0.5, patch_size=4, blocks=6).output.shape
        (None, 10)
    """
    chosen = chosen_size(size, SIZES)
    check_network(input_shape, classes, width)
    check(is_integer(patch_size) and patch_size > 0, "patch_size", patch_size, "a positive integer")
    height, columns, _ = input_shape
    valid = None not in (height, columns) and height % patch_size == columns % patch_size == 0
    expected = f"a known height and width that are multiples of the patch size {patch_size}"
    check(valid, "input_shape", Verbatim(str(tuple(input_shape))), expected)
    check_transformer(width, blocks, dropout)
    features = scaled(chosen.width, width, 8 * chosen.heads)
    rows, columns = height // patch_size, columns // patch_size

    inputs = keras.Input(input_shape)
    x = layers.Conv2D(features, patch_size, patch_size, name="patches")(inputs)
    x = layers.Reshape((rows * columns, features))(x)
    # The class token is one vector with its position, because only their sum is used.
    x = layers.ZeroPadding1D((1, 0))(x)
    normal = keras.initializers.TruncatedNormal(stddev=0.02)
    x = LearnedPositionalEncoding(rows * columns + 1, normal, name="positions")(x)
    x = Dropout(dropout)(x)
    for _ in range(chosen.blocks if blocks is None else blocks):
        x = _block(x, chosen.heads, dropout)
    x = LayerNormalization(epsilon=1e-6)(x)
    if classes is None:
        maps = layers.Reshape((rows, columns, features))(x[:, 1:])
        return keras.Model(inputs, {f"stride_{patch_size}": maps}, name=f"vit_{size}")
    outputs = layers.Dense(classes, classifier_activation, dtype="float32", name="classifier")(x[:, 0])
    return keras.Model(inputs, outputs, name=f"vit_{size}")


def _block(x: Tensor, heads: int, dropout: float) -> Tensor:
    """Apply a Transformer block."""
    features = x.shape[-1]
    normalized = LayerNormalization(epsilon=1e-6)(x)
    attended = MultiHeadAttention(heads, features // heads)(normalized, normalized)
    x = layers.Add()([x, Dropout(dropout)(attended)])
    hidden = Dense(4 * features, "gelu")(LayerNormalization(epsilon=1e-6)(x))
    hidden = Dense(features)(Dropout(dropout)(hidden))
    return layers.Add()([x, Dropout(dropout)(hidden)])
