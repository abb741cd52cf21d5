"""Numbers to bins."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.core import argument_error, check, export
from tensorsmith.core.types import Dataset, NestedArrays, Tensor
from tensorsmith.data.preprocessing.statistics import Quantiles

OUTPUTS = ("int", "one_hot")


@export
class Bucketizer(keras.layers.Layer):
    """Gives each number that of the bin it is in.

    `adapt` takes boundaries that give bins equal shares of the data, as far as values differ: exactly, for up to
    200,000 values. `keras.layers.Discretization` compresses quantiles batch by batch: of 20,000 log-normal values in
    batches of 32, its boundaries of quarters have 36, 60 and 83 percent of the values below them. It also compares in
    float32, where this layer does so in float64.

    Formula:

        bin(x) = number of boundaries <= x,  and the last bin for NaN

    Args:
        boundaries: Where bins end and the next ones begin, which have the value itself; None for those that `adapt`
            finds.
        bins: How many bins `adapt` makes; fewer where values are equal.
        output: "int" for numbers, "one_hot" for a vector for each.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer; `dtype` is that of vectors.

    Call arguments:
        inputs: Tensor of a number type.

    Input shape:
        Any.

    Output shape:
        That of the inputs, in int64, for "int"; that and the number of bins for "one_hot", where a last axis of size 1
        is left out.

    Raises:
        ValueError: An argument is none of these; or the layer is called and has no boundaries.

    Example:
        >>> import numpy as np
        >>> layer = Bucketizer(bins=4)
        >>> layer.adapt(np.arange(9.0))
        >>> print(layer.boundaries, layer(np.array([-5.0, 2.0, 3.9, 100.0])).numpy())
        [2.0, 4.0, 6.0] [0 1 1 3]
    """

    def __init__(
        self,
        boundaries: Sequence[float] | None = None,
        bins: int | None = None,
        output: str = "int",
        **kwargs: Any,
    ):
        super().__init__(autocast=False, **kwargs)  # half types would put numbers into other bins
        check(output in OUTPUTS, "output", output, " or ".join(map(repr, OUTPUTS)))
        check(bins is None or (isinstance(bins, int) and bins > 1), "bins", bins, "an integer of 2 or more, or None")
        check(
            bins is not None or boundaries is not None, "boundaries", boundaries, "numbers", "or give `bins`, and adapt"
        )
        self.bins, self.output_mode = bins, output
        self.boundaries: list[float] | None = None
        if boundaries is not None:
            self.boundaries = [float(boundary) for boundary in boundaries]
            ordered = bool(self.boundaries) and self.boundaries == sorted(set(self.boundaries))
            check(
                ordered and bool(np.isfinite(self.boundaries).all()), "boundaries", boundaries, "numbers that increase"
            )

    @property
    def size(self) -> int:
        """How many bins there are."""
        return len(self._known()) + 1

    def adapt(self, data: NestedArrays | Dataset, seed: int = 0) -> None:
        """Takes the boundaries from data, and forgets those of before. Adapt before the model is compiled or traced.

        Args:
            data: A tensor or array, or a `tf.data.Dataset` of batches of them.
            seed: Of the values that quantiles are taken of, where there are more than 200,000; see `Quantiles`.

        Raises:
            ValueError: `bins` was not given; or `data` has numbers that are not finite, or too few that differ.
        """
        check(self.bins is not None, "bins", self.bins, "how many, in order to adapt")
        quantiles = Quantiles(seed=seed)
        for batch in data if isinstance(data, tf.data.Dataset) else [data]:
            values = np.asarray(batch, "float64")
            check(bool(np.isfinite(values).all()), "data", data, "finite numbers")
            quantiles.update(values)
        self.boundaries = boundaries_of(quantiles, self.bins or 0)

    def _known(self) -> list[float]:
        if self.boundaries is None:
            raise argument_error("boundaries", None, "numbers", f"call `adapt` of {self.name!r}, or give them")
        return self.boundaries

    def call(self, inputs: Tensor) -> Tensor:
        """Compares with the boundaries."""
        boundaries = keras.ops.convert_to_tensor(self._known(), "float64")
        values = keras.ops.cast(inputs, "float64")
        found = keras.ops.searchsorted(boundaries, keras.ops.reshape(values, (-1,)), side="right")
        found = keras.ops.cast(keras.ops.reshape(found, keras.ops.shape(values)), "int64")
        numbers = keras.ops.where(keras.ops.isnan(values), len(self._known()), found)
        if self.output_mode == "int":
            return numbers
        alone = len(numbers.shape) > 1 and numbers.shape[-1] == 1
        return keras.ops.one_hot(numbers[..., 0] if alone else numbers, self.size, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`, with the boundaries that `adapt` found."""
        return {
            **super().get_config(),
            "boundaries": self.boundaries,
            "bins": self.bins,
            "output": self.output_mode,
        }


def boundaries_of(quantiles: Quantiles, bins: int) -> list[float]:
    """What cuts values into bins.

    Raises:
        ValueError: There is but one.
    """
    boundaries = quantiles.boundaries(bins)
    remedy = "give `boundaries`"
    check(bool(boundaries), "data", boundaries, "values of which the smallest leave some for a second bin", remedy)
    return boundaries
