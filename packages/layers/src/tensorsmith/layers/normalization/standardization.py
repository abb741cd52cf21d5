"""Layer that standardizes features to zero mean and unit variance."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import keras
import numpy as np

from tensorsmith.core import Verbatim, check, export, is_integer, plain
from tensorsmith.core.types import Dataset, NestedArrays, Shape, Tensor, TensorLike


@export
class Standardization(keras.layers.Layer):
    """Layer that standardizes features to zero mean and unit variance. `adapt` computes the statistics.

    The mean and the standard deviation are non-trainable weights in at least float32, which are saved with the model.
    Before `adapt`, the layer returns its inputs unchanged. `keras.layers.Normalization` is equivalent for features that
    vary. Features that are constant in the data are divided by 1 here, whereas Keras divides them by 1e-7, so that a
    later value that differs by 1 becomes 10,000,000. In addition, `inverse` undoes the transformation, for example for
    the predictions of standardized targets.

    Formula:

        y = (x - mean) / std,  with std = 1 for constant features

    Source: Chan et al., "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979, for data in
    several batches.

    Args:
        axis: Integer, sequence of integers or `None`, the axis or axes that have a separate mean and standard deviation
            for each index, usually the feature axis. If `None`, all elements share one mean and standard deviation.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Numeric input tensor.

    Input shape:
        `(batch, ...)`, with known sizes along `axis`.

    Output shape:
        Same shape as the input.

    Raises:
        ValueError: If `axis` is not an integer, a sequence of integers or `None`, contains the batch axis, or is not an
            axis of the inputs.

    Example:
        >>> import numpy as np
        >>> layer = Standardization()
        >>> layer.adapt(np.array([[1.0, 5.0], [3.0, 5.0]]))
        >>> y = layer(np.array([[4.0, 6.0]]))
        >>> print(y.numpy(), layer.inverse(y).numpy())
        [[2. 1.]] [[4. 6.]]
    """

    def __init__(self, axis: int | Sequence[int] | None = -1, **kwargs: Any):
        axis = plain(axis)
        axes = [] if axis is None else [axis] if isinstance(axis, int) else axis
        fits = isinstance(axes, Sequence) and all(is_integer(one) and one != 0 for one in axes)
        check(
            fits,
            "axis",
            axis,
            "a nonzero integer, a sequence of nonzero integers, or None",
            "exclude axis 0, which is the batch axis",
        )
        # Raw data may exceed the range of half precision: inputs are cast after the standardization.
        super().__init__(autocast=False, **kwargs)
        self.supports_masking = True
        self.axis = axis if axis is None or isinstance(axis, int) else list(axis)
        self._axes = list(axes)
        self._adapted: _Moments | None = None  # moments of all data since the last reset

    def build(self, input_shape: Shape) -> None:
        """Creates the mean and the standard deviation, initialized to 0 and 1."""
        rank = len(input_shape)
        fits = self._has_axes(rank)
        check(
            fits,
            "axis",
            self.axis,
            f"valid for inputs of shape {tuple(input_shape)} and exclude the batch axis",
        )
        kept = {axis % rank for axis in self._axes}
        shape = [input_shape[axis] if axis in kept else 1 for axis in range(rank)]
        check(None not in shape, "inputs", tuple(input_shape), "have a statically known size along `axis`")
        precise = keras.backend.result_type(self.variable_dtype, "float32")
        self.mean, self.std = (
            self.add_weight(shape, initializer, precise, name=name, trainable=False, autocast=False)
            for name, initializer in (("mean", "zeros"), ("std", "ones"))
        )

    def adapt(self, data: NestedArrays | Dataset, reset: bool = True) -> None:
        """Computes the mean and the standard deviation of each feature in a data set.

        Call it before the model is compiled and trained. A few hundred examples are enough.

        Args:
            data: Array with examples along the first axis, or a `tf.data.Dataset` of batches.
            reset: If `True`, previous statistics are discarded. If `False`, the result is that of the previous data and
                the new data together.

        Raises:
            ValueError: If `data` is empty, does not match the inputs of the layer, or contains non-finite values, or if
                `reset` is `False` before the first call of `adapt`, which a loaded layer has not had.
        """
        moments = reduce(_Moments.with_those_of, (self._moments(batch) for batch in _batches(data)))
        if not reset:
            remedy = "adapt the layer to all data at once"
            check(self._adapted is not None, "reset", reset, "True for a layer that has not been adapted", remedy)
            moments = self._adapted.with_those_of(moments)  # type: ignore[union-attr]
        check(bool(np.isfinite(moments.squares).all()), "data", data, "contain only finite numbers")
        self._adapted = moments
        self.mean.assign(moments.mean)
        std = moments.std.astype(self.std.dtype)
        self.std.assign(np.where(std < np.finfo(std.dtype).tiny, 1, std))  # division by subnormals overflows

    def _moments(self, batch: np.ndarray) -> "_Moments":
        if not self.built:
            expected = f"contain batches with the feature axes {self.axis} after the batch axis"
            remedy = "reshape a single feature to a column, or pass another `axis` to the layer"
            check(self._has_axes(batch.ndim), "data", batch.shape, expected, remedy)
            self.build((None, *batch.shape[1:]))
        rank = len(self.mean.shape)
        kept = {axis % rank for axis in self._axes}
        fits = batch.ndim == rank and all(batch.shape[axis] == self.mean.shape[axis] for axis in kept)
        expected = f"a non-empty batch of rank {rank} whose mean has shape {tuple(self.mean.shape)}"
        check(fits and batch.size > 0, "data", batch.shape, expected)
        axes = tuple(axis for axis in range(rank) if axis not in kept)
        mean = batch.mean(axes, keepdims=True)
        # The count is the number of values behind each mean, which may exceed the number of examples.
        return _Moments(batch.size // mean.size, mean, np.square(batch - mean).sum(axes, keepdims=True))

    def _has_axes(self, rank: int) -> bool:
        """Returns `True` if inputs of the given rank have a batch axis and all feature axes."""
        return all(-rank < axis < rank for axis in self._axes)

    def call(self, inputs: Tensor) -> Tensor:
        """Standardizes the inputs."""
        inputs = keras.ops.convert_to_tensor(inputs)
        precise = keras.backend.result_type(inputs.dtype, self.mean.dtype)
        x, mean, std = (keras.ops.cast(value, precise) for value in (inputs, self.mean, self.std))
        return keras.ops.cast((x - mean) / std, self.compute_dtype)

    def inverse(self, outputs: TensorLike) -> Tensor:
        """Reverts the standardization of outputs, with at least float32 precision."""
        outputs = keras.ops.convert_to_tensor(outputs)
        precise = keras.backend.result_type(outputs.dtype, self.mean.dtype)
        y, mean, std = (keras.ops.cast(value, precise) for value in (outputs, self.mean, self.std))
        return y * std + mean

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape, which is the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        return {**super().get_config(), "axis": self.axis}


@dataclass
class _Moments:
    """Count, mean and sum of squared deviations of a batch."""

    count: int
    mean: Any
    squares: Any

    def with_those_of(self, other: "_Moments") -> "_Moments":
        """Returns the moments of the union of two batches."""
        count, apart = self.count + other.count, other.mean - self.mean
        # Update of Chan et al., 1979: the difference between the means adds to the squared deviations.
        squares = self.squares + other.squares + apart**2 * (self.count * other.count / count)
        return _Moments(count, self.mean + apart * (other.count / count), squares)

    @property
    def std(self) -> Tensor:
        """Standard deviation of each feature, replaced by 1 if the variance does not exceed rounding errors."""
        variance, epsilon = self.squares / self.count, np.finfo("float64").eps * self.count
        # The rounding errors of a constant feature grow with its mean and with the number of values.
        constant = variance <= epsilon * variance + (epsilon * self.mean) ** 2
        return np.where(constant, 1.0, np.sqrt(variance))


def _batches(data: NestedArrays | Dataset) -> Iterator[np.ndarray]:
    """Yields the batches of an array or a dataset as float64 arrays. Raises an error if there are none."""
    empty = True
    for batch in data.as_numpy_iterator() if hasattr(data, "as_numpy_iterator") else [data]:
        remedy = "call `dataset.map` to select the inputs from a dataset of inputs and targets"
        check(
            not isinstance(batch, tuple | dict),
            "data",
            Verbatim(f"batches of type {type(batch).__name__}"),
            "contain arrays",
            remedy,
        )
        empty = False
        yield np.asarray(batch, "float64")
    check(not empty, "data", data, "contain at least one batch")
