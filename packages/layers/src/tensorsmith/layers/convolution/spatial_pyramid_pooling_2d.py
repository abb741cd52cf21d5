"""Spatial pyramid pooling layer, with an output of fixed size for images of any size."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Shape, Tensor


@export
class SpatialPyramidPooling2D(keras.layers.Layer):
    """Spatial pyramid pooling layer: averages over grids of several resolutions, for an output of fixed size.

    For each grid, the image is divided into rows x columns bins of equal size, and each bin is averaged. Remaining rows
    and columns at the end of the image are dropped, as in TensorFlow Addons. The bins of all grids are concatenated.

    Source: He et al., "Spatial Pyramid Pooling in Deep Convolutional Networks for Visual Recognition", 2014.

    Args:
        bins: List of pooling grids, each given as a pair `(rows, columns)`, or as an integer for a square grid.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `keras.config.image_data_format()`.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input tensor of floating-point type.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` with `"channels_first"`.

    Output shape:
        `(batch, parts, channels)`, or `(batch, channels, parts)`.

    Raises:
        ValueError: If `bins` contains anything other than positive integers and pairs of them, `data_format` is
            unknown, or the inputs are not images or are smaller than a grid. If their size is unknown, the averages of
            smaller images are NaN.

    Example:
        >>> import numpy as np
        >>> x = np.arange(16.0).reshape((1, 4, 4, 1))
        >>> print(SpatialPyramidPooling2D([1, 2])(x).numpy().ravel())
        [ 7.5  2.5  4.5 10.5 12.5]
    """

    def __init__(self, bins: Sequence[int | Sequence[int]], data_format: str | None = None, **kwargs: Any):
        given = list(bins) if isinstance(bins, list | tuple) else []
        pairs = [[grid, grid] if is_integer(grid) else grid for grid in given]
        fits = all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs)
        fits = fits and all(is_integer(size) and size > 0 for pair in pairs for size in pair)
        check(fits and len(pairs) > 0, "bins", bins, "a sequence of positive integers or of pairs of positive integers")
        known = data_format in ("channels_last", "channels_first", None)
        check(known, "data_format", data_format, "'channels_last', 'channels_first' or None")
        super().__init__(**kwargs)
        self.bins = [list(pair) for pair in plain(pairs)]
        self.data_format = data_format or keras.config.image_data_format()
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs: Tensor) -> Tensor:
        """Computes the average of each bin."""
        first = self.data_format == "channels_first"
        images = keras.ops.transpose(inputs, (0, 2, 3, 1)) if first else inputs
        known = images.shape[1:3]
        fits = all(size is None or size >= parts for grid in self.bins for size, parts in zip(known, grid, strict=True))
        check(fits, "inputs", tuple(inputs.shape), f"have spatial axes at least as large as the grids {self.bins}")
        batch, height, width, _ = keras.ops.shape(images)
        channels = images.shape[-1]
        pooled = []
        for rows, columns in self.bins:
            # Crop to a multiple of the bin size and average within each bin.
            tall, wide = height // rows, width // columns
            whole = images[:, : rows * tall, : columns * wide]
            # (batch, rows, columns, channels)
            parts = keras.ops.mean(keras.ops.reshape(whole, (batch, rows, tall, columns, wide, channels)), (2, 4))
            pooled.append(keras.ops.reshape(parts, (batch, rows * columns, channels)))
        means = keras.ops.concatenate(pooled, 1)  # (batch, bins of all grids, channels)
        return keras.ops.transpose(means, (0, 2, 1)) if first else means

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape, in which one axis enumerates the bins of all grids."""
        parts = sum(rows * columns for rows, columns in self.bins)
        if self.data_format == "channels_first":
            return (input_shape[0], input_shape[1], parts)
        return (input_shape[0], parts, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        return {**super().get_config(), "bins": self.bins, "data_format": self.data_format}
