"""The residual unit of ResNet-50 and deeper ones."""

from tensorsmith.core import export
from tensorsmith.layers._support.residual_block import ResidualBlock


@export
class BottleneckUnit(ResidualBlock):
    """A residual unit whose convolution of 3 x 3 works on a quarter of the channels, which makes it cheap.

    Formula, with each convolution followed by a normalization, and an activation after the first two; the first two
    have filters / 4 channels:

        y = activation(conv1x1(conv3x3(conv1x1(x))) + shortcut(x))

    The shortcut is x itself, or where the shape changes, in channels or by strides, a convolution of 1 x 1 and a
    normalization. Strides are in the first convolution, as in the paper and `keras.applications`; PyTorch has them in
    the second. Convolutions have a bias only where there is no normalization.

    {{source}}

    Args:
        filters: Number of output channels, a multiple of 4.
        strides: What height and width are divided by, in the first convolution and in the shortcut.
        activation: The activation, after the first two convolutions and after the sum.
        {{unit_arguments}}

    {{call}}

    {{output}}

    Raises:
        ValueError: `filters` is no positive multiple of 4, `strides` or `squeeze_ratio` no positive integer,
            `normalization` is something else, or the inputs are no pictures with known channels.

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
        """Filters, kernel size and strides of each convolution."""
        narrow = self.filters // self.divisor
        return [(narrow, 1, self.strides), (narrow, 3, 1), (self.filters, 1, 1)]
