"""The residual unit of ResNet-50 and deeper ones."""

from typing import Any

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.layers.residual_block import ResidualBlock


@export
class BottleneckUnit(ResidualBlock):
    """A residual unit whose convolution of 3 x 3 works on a quarter of the channels, which makes it cheap.

    Formula, with each convolution followed by a normalization, and an activation after the first two; the first two
    have filters / 4 channels:

        y = activation(conv1x1(conv3x3(conv1x1(x))) + shortcut(x))

    The shortcut is x itself, or where the shape changes, in channels or by strides, a convolution of 1 x 1 and a
    normalization. Strides are in the first convolution, as in the paper and `keras.applications`; PyTorch has them in
    the second. Convolutions have a bias only where there is no normalization.

    Source: He et al., "Deep Residual Learning for Image Recognition", 2016; squeeze-and-excitation where Hu et al.,
    "Squeeze-and-Excitation Networks", 2018, have it.

    Args:
        filters: Number of output channels, a multiple of 4.
        strides: What height and width are divided by, in the first convolution and in the shortcut.
        activation: The activation, after the first two convolutions and after the sum.
        normalization: "batch" for batch normalization; a Keras layer, of which each convolution gets a copy; or None.
        squeeze_ratio: Reduction ratio of a squeeze-and-excitation before the sum, which SE-ResNets have; None for none.
        kernel_initializer: Initializer of the kernels.
        kernel_regularizer: Regularizer of the kernels.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of floating type.
        training: Whether batch normalization goes by the batch.

    Input shape:
        `(batch, height, width, channels)`.

    Output shape:
        `(batch, height / strides, width / strides, filters)`, rounded up.

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

    def __init__(
        self,
        filters: int,
        strides: int = 1,
        activation: Any = "relu",
        normalization: Any = "batch",
        squeeze_ratio: int | None = None,
        kernel_initializer: Any = "he_normal",
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ):
        fits = is_integer(filters) and filters > 0 and filters % 4 == 0
        check(fits, "filters", filters, "a positive multiple of 4")
        filters, strides, squeeze_ratio = plain((filters, strides, squeeze_ratio))
        super().__init__(
            filters,
            strides,
            activation,
            normalization,
            squeeze_ratio,
            kernel_initializer,
            kernel_regularizer,
            **kwargs,
        )

    def convolutions(self) -> list[tuple[int, int, int]]:
        """Filters, kernel size and strides of each convolution."""
        narrow = self.filters // 4
        return [(narrow, 1, self.strides), (narrow, 3, 1), (self.filters, 1, 1)]
