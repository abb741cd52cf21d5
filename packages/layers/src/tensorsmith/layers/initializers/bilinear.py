"""Initializer of bilinear interpolation kernels, for upsampling."""

import functools

import keras
import numpy as np

from tensorsmith.core import check, export
from tensorsmith.core.types import DType, Tensor


@export
class Bilinear(keras.initializers.Initializer):
    """Initializer with bilinear interpolation weights, for transposed convolutions that upsample images.

    Each channel is interpolated separately. Formula, along each axis of the kernel, with n positions, center m, and f =
    ceil(n / 2):

        kernel[k] = 1 - |k - m| / f

    To upsample by a factor of f, use strides of f, a kernel size of 2 f - f % 2, and `padding="same"`. Images are
    extended by zeros at their borders.

    Source: Long et al., "Fully Convolutional Networks for Semantic Segmentation", 2015.

    Call arguments:
        shape: Shape of the kernel of a `keras.layers.Conv1DTranspose`, `Conv2DTranspose` or `Conv3DTranspose`.
        dtype: Data type of the kernel. If `None`, `keras.config.floatx()` is used.

    Returns:
        The kernel.

    Raises:
        ValueError: If the numbers of input and output channels differ, or the kernel has no spatial axes.

    Example:
        >>> import keras, numpy as np
        >>> layer = keras.layers.Conv1DTranspose(1, 4, 2, "same", kernel_initializer=Bilinear())
        >>> print(layer(np.array([[[1.0], [2.0], [3.0]]])).numpy().ravel())
        [0.75 1.25 1.75 2.25 2.75 2.25]
    """

    def __call__(self, shape: tuple[int, ...], dtype: DType | None = None) -> Tensor:
        """Returns a kernel with bilinear interpolation weights."""
        fits = len(shape) > 2 and shape[-1] == shape[-2]
        check(
            fits, "shape", tuple(shape), "have the form (..., outputs, inputs) with equal numbers of outputs and inputs"
        )
        # The outer product of the triangles of all spatial axes is the interpolation kernel.
        positions = functools.reduce(np.multiply.outer, map(_triangle, shape[:-2]))
        # The identity maps each channel to itself: (..., channels, channels).
        kernel = np.multiply.outer(positions, np.eye(shape[-1]))
        return keras.ops.convert_to_tensor(kernel, dtype or keras.config.floatx())


def _triangle(size: int) -> np.ndarray:
    half = (size + 1) // 2
    return 1 - np.abs(np.arange(size) - (size - 1) / 2) / half
