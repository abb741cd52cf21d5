"""Correlation layer for optical flow and stereo matching."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith import ops
from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.kernel_layer import KernelLayer


@export
class CorrelationCost(KernelLayer, keras.layers.Layer):
    """Correlation layer: compares image patches with displaced patches of another image, for optical flow.

    The displacement with the highest correlation indicates where the patch has moved. Formula, with (u, v) the center
    of the patch (i, j), patches being `stride_1` apart, for a displacement (p, q), with the mean over the positions (k,
    l) in a patch and the channels c:

        y[i, j, (p, q)] = mean of a[u + k, v + l, c] * b[u + p + k, v + q + l, c]

    With `stride_1` greater than 1 and padding, the patches of TensorFlow Addons start `stride_1 * pad` positions before
    the image instead of `pad`. This layer follows the paper.

    Source: Dosovitskiy et al., "FlowNet: Learning Optical Flow with Convolutional Networks", 2015.

    Args:
        kernel_size: Odd integer, the height and width of a patch in pixels.
        max_displacement: Integer, the maximum displacement of a patch in each direction, in pixels.
        stride_1: Integer, the distance between adjacent patches, in pixels.
        stride_2: Integer, the distance between adjacent displacements, in pixels.
        pad: Integer, the number of zeros to pad on each side of both images.
        data_format: `"channels_last"` or `"channels_first"`. TensorFlow Addons requires this argument.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: List of two images, floating-point tensors of the same shape.

    Input shape:
        Two tensors of shape `(batch, height, width, channels)`.

    Output shape:
        `(batch, rows, columns, n * n)`, with n = 2 * (max_displacement // stride_2) + 1, and rows and columns equal to
        (size + 2 * pad - 2 * max_displacement - kernel_size + 1) / stride_1, rounded up.

    Raises:
        ValueError: If a size or stride is out of range, the images differ in shape or are smaller than a patch, or
            `data_format` is unknown.

    Example:
        >>> import keras
        >>> a = keras.ops.reshape([0.0, 1.0, 2.0, 0.0], (1, 1, 4, 1))
        >>> b = keras.ops.roll(a, 1, axis=2)  # moved by one to the right
        >>> costs = CorrelationCost(1, 1, 1, 1, 1)([a, b])
        >>> costs[0, 0, 2].numpy().reshape(3, 3)[1]  # displaced by -1, 0 and 1
        array([0., 2., 4.], dtype=float32)
    """

    def __init__(
        self,
        kernel_size: int,
        max_displacement: int,
        stride_1: int,
        stride_2: int,
        pad: int,
        data_format: str = "channels_last",
        **kwargs: Any,
    ):
        sizes = (("kernel_size", kernel_size, 1), ("max_displacement", max_displacement, 0), ("stride_1", stride_1, 1))
        for name, size, least in (*sizes, ("stride_2", stride_2, 1), ("pad", pad, 0)):
            check(is_integer(size) and size >= least, name, size, f"an integer >= {least}")
        check(
            kernel_size % 2 == 1,
            "kernel_size",
            kernel_size,
            "an odd integer",
            "patches of even size have no center",
        )
        known = data_format in ("channels_last", "channels_first")
        check(known, "data_format", data_format, "'channels_last' or 'channels_first'")
        kernel_size, max_displacement, stride_1, stride_2, pad = plain(
            (kernel_size, max_displacement, stride_1, stride_2, pad)
        )
        super().__init__(**kwargs)
        self.kernel_size = kernel_size
        self.max_displacement = max_displacement
        self.stride_1 = stride_1
        self.stride_2 = stride_2
        self.pad = pad
        self.data_format = data_format

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Validates the shapes of both inputs."""
        fits = len(input_shape) == 2 and isinstance(input_shape[0], list | tuple)
        check(fits, "inputs", input_shape, "a list of two image tensors")

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Computes the correlations of the patches of two images."""
        inputs = floating(inputs, self.compute_dtype)
        a, b = inputs
        first = self.data_format == "channels_first"
        if first:
            # The kernel requires the channels last.
            a, b = (keras.ops.transpose(x, (0, 2, 3, 1)) for x in (a, b))
        y = ops.correlation_cost(a, b, self.kernel_size, self.max_displacement, self.stride_1, self.stride_2, self.pad)
        return keras.ops.transpose(y, (0, 3, 1, 2)) if first else y

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """Returns the output shape, which depends on the number of patches and displacements."""
        batch, *rest = input_shape[0]
        sides = rest[1:] if self.data_format == "channels_first" else rest[:2]
        # Positions lost at each edge, where a displaced patch would leave the padded image.
        border = self.max_displacement + self.kernel_size // 2 - self.pad
        sides = [None if size is None else -(-(size - 2 * border) // self.stride_1) for size in sides]
        # The displacements form a square grid with a spacing of `stride_2`.
        costs = (2 * (self.max_displacement // self.stride_2) + 1) ** 2
        return (batch, costs, *sides) if self.data_format == "channels_first" else (batch, *sides, costs)

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {
            "kernel_size": self.kernel_size,
            "max_displacement": self.max_displacement,
            "stride_1": self.stride_1,
            "stride_2": self.stride_2,
            "pad": self.pad,
            "data_format": self.data_format,
        }
        return {**super().get_config(), **own}
