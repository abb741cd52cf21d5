"""Residual unit of ResNet-18 and ResNet-34."""

from tensorsmith.core import export
from tensorsmith.layers._support.residual_block import ResidualBlock


@export
class ResidualUnit(ResidualBlock):
    """Residual unit of two 3 x 3 convolutions and a shortcut, as in ResNets and SE-ResNets.

    Formula, with each convolution followed by a normalization:

        y = activation(conv3x3(activation(conv3x3(x))) + shortcut(x))

    The shortcut is the identity, or a 1 x 1 convolution with normalization if the number of channels or the spatial
    size changes. Convolutions use a bias only without normalization.

    {{source}}

    Args:
        filters: Integer, the number of output channels.
        strides: Integer, the strides of the first convolution and of the shortcut.
        activation: Activation function to use after the first convolution and after the addition of the shortcut.
        {{unit_arguments}}

    {{call}}

    {{output}}

    Raises:
        ValueError: If `filters`, `strides` or `squeeze_ratio` is not a positive integer, `normalization` is invalid, or
            the inputs are not images with a known number of channels.

    Example:
        >>> import keras
        >>> ResidualUnit(128, strides=2)(keras.ops.zeros((1, 56, 56, 64))).shape
        TensorShape([1, 28, 28, 128])
    """

    def convolutions(self) -> list[tuple[int, int, int]]:
        """Returns the filters, kernel size and strides of each convolution."""
        return [(self.filters, 3, self.strides), (self.filters, 3, 1)]
