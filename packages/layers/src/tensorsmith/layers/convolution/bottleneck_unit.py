"""Residual unit of ResNet-50 and deeper ResNets."""

from tensorsmith.core import export
from tensorsmith.layers._support.residual_block import ResidualBlock


@export
class BottleneckUnit(ResidualBlock):
    """Bottleneck residual unit: its 3 x 3 convolution has a quarter of the output channels.

    The first two convolutions have filters / 4 channels. Formula, where each convolution is followed by a
    normalization, and the first two also by an activation:

        y = activation(conv1x1(conv3x3(conv1x1(x))) + shortcut(x))

    The shortcut is the identity, or a 1 x 1 convolution with normalization if the number of channels or the spatial
    size changes. The strides are applied by the first convolution, as in the paper and in `keras.applications`; PyTorch
    applies them in the second one. Convolutions use a bias only without normalization.

    {{source}}

    Args:
        filters: Integer, the number of output channels. Must be a multiple of 4.
        strides: Integer, the strides of the first convolution and of the shortcut.
        activation: Activation function to use after the first two convolutions and after the addition of the shortcut.
        {{unit_arguments}}

    {{call}}

    {{output}}

    Raises:
        ValueError: If `filters` is not a positive multiple of 4, `strides` or `squeeze_ratio` is not a positive
            integer, `normalization` is invalid, or the inputs are not images with a known number of channels.

    Example:
        >>> import keras
        >>> unit = BottleneckUnit(256)
        >>> unit(keras.ops.zeros((1, 56, 56, 64))).shape
        TensorShape([1, 56, 56, 256])
        >>> unit.residual[0].filters
        64
    """

    divisor = 4

    def convolutions(self) -> list[tuple[int, int, int]]:
        """Returns the filters, kernel size and strides of each convolution."""
        narrow = self.filters // self.divisor
        return [(narrow, 1, self.strides), (narrow, 3, 1), (self.filters, 1, 1)]
