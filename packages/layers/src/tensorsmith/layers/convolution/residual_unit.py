"""The residual unit of ResNet-18 and ResNet-34."""

from tensorsmith.core import export
from tensorsmith.layers._support.residual_block import ResidualBlock


@export
class ResidualUnit(ResidualBlock):
    """Two convolutions of 3 x 3, whose result is added to the inputs: layers learn what to change, not what to keep.

    Formula, with each convolution followed by a normalization:

        y = activation(conv3x3(activation(conv3x3(x))) + shortcut(x))

    The shortcut is x itself, or where the shape changes, in channels or by strides, a convolution of 1 x 1 and a
    normalization. Convolutions have a bias only where there is no normalization.

    {{source}}

    Args:
        filters: Number of output channels.
        strides: What height and width are divided by, in the first convolution and in the shortcut.
        activation: The activation, after the first convolution and after the sum.
        {{unit_arguments}}

    {{call}}

    {{output}}

    Raises:
        ValueError: `filters`, `strides` or `squeeze_ratio` is no positive integer, `normalization` is something else,
            or the inputs are no pictures with known channels.

    Example:
        >>> import keras
        >>> ResidualUnit(128, strides=2)(keras.ops.zeros((1, 56, 56, 64))).shape
        TensorShape([1, 28, 28, 128])
    """

    def convolutions(self) -> list[tuple[int, int, int]]:
        """Filters, kernel size and strides of each convolution."""
        return [(self.filters, 3, self.strides), (self.filters, 3, 1)]
