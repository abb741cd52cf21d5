"""Standardization of features."""

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
    """Gives features mean 0 and standard deviation 1, both as they are in the data that `adapt` saw.

    Mean and standard deviation are weights that are not trained, in at least float32: they are saved with the model.
    Before `adapt`, the layer only hands its inputs on. Unlike `keras.layers.Normalization`, which does the same for
    features that vary, it divides a feature that is constant in the data by 1: Keras divides it by 1e-7, and a later
    value that is off by 1 becomes 10,000,000. And `inverse` of the same layer undoes it, as for predictions of
    standardized targets.

    Formula:

        y = (x - mean) / std,  with 1 for std where a feature is constant

    Source: Chan et al., "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979, for data
    that come in parts.

    Args:
        axis: Axis, or axes, of features that have a mean and a standard deviation each; None for one of all.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of a number type.

    Input shape:
        `(batch, ...)`, the sizes of `axis` known.

    Output shape:
        The same as the input shape.

    Raises:
        ValueError: `axis` is no integer, no sequence of them and not None, or names the batch or no axis of the inputs.

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
        check(fits, "axis", axis, "an integer, a sequence of them, or None", "0 is the batch's axis")
        # Raw data can be beyond what half types hold: inputs are cast after, not before, they are standardized.
        super().__init__(autocast=False, **kwargs)
        self.supports_masking = True
        self.axis = axis if axis is None or isinstance(axis, int) else list(axis)
        self._axes = list(axes)

    def build(self, input_shape: Shape) -> None:
        """Makes mean and standard deviation, 0 and 1 until `adapt`."""
        rank = len(input_shape)
        fits = self._has_axes(rank)
        check(fits, "axis", self.axis, f"axes of inputs of the shape {tuple(input_shape)}, and not the batch's")
        kept = {axis % rank for axis in self._axes}
        shape = [input_shape[axis] if axis in kept else 1 for axis in range(rank)]
        check(None not in shape, "inputs", tuple(input_shape), "known sizes along `axis`")
        precise = keras.backend.result_type(self.variable_dtype, "float32")
        self.mean, self.std = (
            self.add_weight(shape, initializer, precise, name=name, trainable=False, autocast=False)
            for name, initializer in (("mean", "zeros"), ("std", "ones"))
        )

    def adapt(self, data: NestedArrays | Dataset) -> None:
        """Takes mean and standard deviation from data, and forgets those of before.

        Adapt before the model is compiled and trained. A few hundred examples are enough.

        Args:
            data: An array with examples along its first axis, or a `tf.data.Dataset` of such batches.

        Raises:
            ValueError: `data` is empty, does not fit the layer's inputs, or has numbers that are not finite.
        """
        moments = reduce(_Moments.with_those_of, (self._moments(batch) for batch in _batches(data)))
        check(bool(np.isfinite(moments.squares).all()), "data", data, "finite numbers")
        self.mean.assign(moments.mean)
        std = moments.std.astype(self.std.dtype)
        self.std.assign(np.where(std < np.finfo(std.dtype).tiny, 1, std))  # below, divisions can give infinity

    def _moments(self, batch: np.ndarray) -> "_Moments":
        if not self.built:
            expected = f"batches of examples, with axes of features ({self.axis}) besides the batch's"
            remedy = "give a single feature as a column, or the layer another axis"
            check(self._has_axes(batch.ndim), "data", batch.shape, expected, remedy)
            self.build((None, *batch.shape[1:]))
        rank = len(self.mean.shape)
        kept = {axis % rank for axis in self._axes}
        fits = batch.ndim == rank and all(batch.shape[axis] == self.mean.shape[axis] for axis in kept)
        expected = f"one example or more of {rank} axes, whose mean has the shape {tuple(self.mean.shape)}"
        check(fits and batch.size > 0, "data", batch.shape, expected)
        axes = tuple(axis for axis in range(rank) if axis not in kept)
        mean = batch.mean(axes, keepdims=True)
        return _Moments(batch.size // mean.size, mean, np.square(batch - mean).sum(axes, keepdims=True))

    def _has_axes(self, rank: int) -> bool:
        """Whether inputs with as many axes have those of features, besides the batch's."""
        return all(-rank < axis < rank for axis in self._axes)

    def call(self, inputs: Tensor) -> Tensor:
        """Subtracts the mean and divides."""
        inputs = keras.ops.convert_to_tensor(inputs)
        precise = keras.backend.result_type(inputs.dtype, self.mean.dtype)
        x, mean, std = (keras.ops.cast(value, precise) for value in (inputs, self.mean, self.std))
        return keras.ops.cast((x - mean) / std, self.compute_dtype)

    def inverse(self, outputs: TensorLike) -> Tensor:
        """The inputs that have these outputs, in at least float32."""
        outputs = keras.ops.convert_to_tensor(outputs)
        precise = keras.backend.result_type(outputs.dtype, self.mean.dtype)
        y, mean, std = (keras.ops.cast(value, precise) for value in (outputs, self.mean, self.std))
        return y * std + mean

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "axis": self.axis}


@dataclass
class _Moments:
    """Count, mean, and the sum of squared distances from the mean."""

    count: int
    mean: Any
    squares: Any

    def with_those_of(self, other: "_Moments") -> "_Moments":
        """The moments of two parts together."""
        count, apart = self.count + other.count, other.mean - self.mean
        squares = self.squares + other.squares + apart**2 * (self.count * other.count / count)
        return _Moments(count, self.mean + apart * (other.count / count), squares)

    @property
    def std(self) -> Tensor:
        """The standard deviation, and 1 where it is no more than what rounding leaves of 0."""
        variance, epsilon = self.squares / self.count, np.finfo("float64").eps * self.count
        constant = variance <= epsilon * variance + (epsilon * self.mean) ** 2
        return np.where(constant, 1.0, np.sqrt(variance))


def _batches(data: NestedArrays | Dataset) -> Iterator[np.ndarray]:
    """Batches as arrays of float64, at least one."""
    empty = True
    for batch in data.as_numpy_iterator() if hasattr(data, "as_numpy_iterator") else [data]:
        remedy = "map a data set of inputs and targets to the inputs"
        check(
            not isinstance(batch, tuple | dict),
            "data",
            Verbatim(f"batches of {type(batch).__name__}"),
            "arrays",
            remedy,
        )
        empty = False
        yield np.asarray(batch, "float64")
    check(not empty, "data", data, "at least one batch")
