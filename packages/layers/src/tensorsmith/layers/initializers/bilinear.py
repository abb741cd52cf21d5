"""The kernel of bilinear interpolation."""

import functools

import keras
import numpy as np

from tensorsmith.core import check, export
from tensorsmith.core.types import DType, Tensor


@export
class Bilinear(keras.initializers.Initializer):
    """Makes a transposed convolution enlarge pictures as bilinear interpolation does, to be trained further.

    Each channel goes to itself. Formula, along each axis of the kernel, of n places around their middle m, with
    f = ceil(n / 2):

        kernel[k] = 1 - |k - m| / f

    To enlarge f times, take strides of f, a kernel of 2 f - f % 2, and padding "same". Beyond the edges, pictures count
    as 0.

    Source: Long et al., "Fully Convolutional Networks for Semantic Segmentation", 2015.

    Call arguments:
        shape: Shape of the kernel, of `keras.layers.Conv2DTranspose` or those with one axis or three.
        dtype: Type of the kernel; Keras' default float if None.

    Returns:
        The kernel.

    Raises:
        ValueError: The kernel does not have as many outputs as inputs, or has no places.

    Example:
        >>> import keras, numpy as np
        >>> layer = keras.layers.Conv1DTranspose(1, 4, 2, "same", kernel_initializer=Bilinear())
        >>> print(layer(np.array([[[1.0], [2.0], [3.0]]])).numpy().ravel())
        [0.75 1.25 1.75 2.25 2.75 2.25]
    """

    def __call__(self, shape: tuple[int, ...], dtype: DType | None = None) -> Tensor:
        """The kernel."""
        fits = len(shape) > 2 and shape[-1] == shape[-2]
        check(fits, "shape", tuple(shape), "a kernel (..., outputs, inputs) with as many outputs as inputs")
        places = functools.reduce(np.multiply.outer, map(_triangle, shape[:-2]))
        kernel = np.multiply.outer(places, np.eye(shape[-1]))
        return keras.ops.convert_to_tensor(kernel, dtype or keras.config.floatx())


def _triangle(size: int) -> np.ndarray:
    half = (size + 1) // 2
    return 1 - np.abs(np.arange(size) - (size - 1) / 2) / half
