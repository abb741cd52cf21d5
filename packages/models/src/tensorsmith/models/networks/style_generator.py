"""Style-based generator of StyleGAN."""

from typing import Any

import keras
from keras import layers, ops

from tensorsmith.core import check, is_integer, is_number
from tensorsmith.core.types import Tensor
from tensorsmith.layers import AdaIN, NoiseInjection, PixelNormalization, StyleMixing
from tensorsmith.models.networks._support.arguments import check_filters, check_multiples, check_network

SLOPE = 0.2  # of the leaky ReLU


def style_generator(
    codings: int = 64,
    output_shape: tuple[int, int, int] = (28, 28, 1),
    filters: tuple[int, ...] = (64, 32, 16),
    units: int = 64,
    mapping_layers: int = 8,
    mixing: float = 0.9,
) -> keras.Model:
    """Build a style-based generator: a mapping network from codes to styles, and a synthesis network from styles.

    The mapping network is a multilayer perceptron. The synthesis network begins with a learned constant, and has two
    3 x 3 convolutions for each size of its feature maps, which is doubled by nearest-neighbor interpolation. Each
    convolution, and the constant in place of the first one, is followed by noise with a learned scale, leaky ReLU, and
    an adaptive instance normalization whose scales and biases depend on the style. A 1 x 1 convolution with tanh
    computes the pixels.

    The style is repeated for each normalization. In training, those of two images are mixed. Pass other styles to the
    layer "synthesis" to combine images, as in the example. Unlike in the paper, the layers have neither equalized
    learning rates nor blurred interpolations.

    Source: Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks", 2019.

    Args:
        codings: Dimension of the codes.
        output_shape: Height, width and channels of the images. Height and width are multiples of
            `2 ** (len(filters) - 1)`.
        filters: Numbers of feature maps, beginning with the smallest ones.
        units: Number of units of the layers of the mapping network, and dimension of the styles.
        mapping_layers: Number of layers of the mapping network.
        mixing: Probability that the styles of an image are mixed in training; see `tensorsmith.layers.StyleMixing`.

    Returns:
        A functional model from codes of shape `(batch, codings)` to images of shape `(batch, *output_shape)` in
        [-1, 1]. Its layer "mapping" computes styles of shape `(batch, units)`, and its layer "synthesis" images from
        styles of shape `(batch, 2 * len(filters), units)`.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> import keras
        >>> generator = style_generator()
        >>> styles = generator.get_layer("mapping")(keras.random.normal((2, 64)))
        >>> coarse, fine = keras.ops.repeat(styles[:1, None], 2, axis=1), keras.ops.repeat(styles[1:, None], 4, axis=1)
        >>> mixed = generator.get_layer("synthesis")(keras.ops.concatenate([coarse, fine], axis=1))
        >>> mixed.shape.as_list()
        [1, 28, 28, 1]
    """
    _check_arguments(codings, output_shape, filters, units, mapping_layers)
    check(is_number(mixing) and 0 <= mixing <= 1, "mixing", mixing, "a number in [0, 1]")
    levels = 2 * len(filters)
    codes = keras.Input((codings,), name="codes")
    styles = layers.RepeatVector(levels)(_mapping(codings, units, mapping_layers)(codes))
    styles = StyleMixing(mixing)(styles)
    return keras.Model(codes, _synthesis(output_shape, filters, units)(styles), name="style_generator")


def _mapping(codings: int, units: int, depth: int) -> keras.Model:
    codes = keras.Input((codings,), name="codes")
    x = PixelNormalization()(codes)
    for _ in range(depth):
        x = layers.LeakyReLU(SLOPE)(layers.Dense(units, kernel_initializer="he_normal")(x))
    return keras.Model(codes, x, name="mapping")


def _synthesis(shape: tuple[int, int, int], filters: tuple[int, ...], units: int) -> keras.Model:
    styles = keras.Input((2 * len(filters), units), name="styles")
    scale = 2 ** (len(filters) - 1)
    small = (shape[0] // scale, shape[1] // scale, filters[0])
    # The only entry of the embedding is the constant.
    constant = layers.Embedding(1, small[0] * small[1] * small[2], embeddings_initializer="random_normal")
    x = layers.Reshape(small)(constant(ops.zeros_like(styles[:, 0, 0], dtype="int32")))
    for level, count in enumerate(filters):
        if level:
            x = layers.UpSampling2D()(x)
            x = layers.Conv2D(count, 3, padding="same", kernel_initializer="he_normal")(x)
        x = _styled(x, styles[:, 2 * level])
        x = layers.Conv2D(count, 3, padding="same", kernel_initializer="he_normal")(x)
        x = _styled(x, styles[:, 2 * level + 1])
    images = layers.Conv2D(shape[2], 1, activation="tanh")(x)
    return keras.Model(styles, images, name="synthesis")


def _styled(x: Tensor, style: Tensor) -> Tensor:
    """Add noise, and apply the activation and the style."""
    return AdaIN()([layers.LeakyReLU(SLOPE)(NoiseInjection()(x)), style])


def _check_arguments(codings: Any, shape: Any, filters: Any, units: Any, mapping_layers: Any) -> None:
    for name, value in (("codings", codings), ("units", units), ("mapping_layers", mapping_layers)):
        check(is_integer(value) and value > 0, name, value, "a positive integer")
    check_network(shape, None, name="output_shape")
    check_filters(filters)
    check_multiples("output_shape", shape, 2 ** (len(filters) - 1))
