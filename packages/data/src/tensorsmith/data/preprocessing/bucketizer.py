"""Layer that discretizes numbers into bins."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.core import Verbatim, argument_error, check, export, plain
from tensorsmith.core.types import Dataset, NestedArrays, Tensor
from tensorsmith.data.preprocessing.statistics import Quantiles

OUTPUTS = ("int", "one_hot")


@export
class Bucketizer(keras.layers.Layer):
    """Layer that maps numbers to bin indices.

    `adapt` computes boundaries that divide the data into bins of equal size, as far as distinct values allow. They are
    exact for up to 200,000 values. `keras.layers.Discretization` approximates quantiles batch by batch: for 20,000
    log-normal values in batches of 32, the fractions of values below its quartiles are 36, 60 and 83 percent. It also
    compares values in float32, whereas this layer uses float64.

    Formula:

        bin(x) = number of boundaries <= x,  and the last bin for NaN

    Args:
        boundaries: Strictly increasing boundaries between bins. A value equal to a boundary belongs to the bin above
            it. If `None`, the boundaries are computed by `adapt`.
        bins: Number of bins that `adapt` creates. If the data contains equal values, fewer bins may be created.
        output: Output format: "int" for bin indices or "one_hot" for one-hot vectors.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`. `dtype` is the dtype of the outputs if
            `output` is "one_hot".

    Call arguments:
        inputs: A tensor of a numerical dtype.

    Input shape:
        Any shape.

    Output shape:
        Same shape as the input for "int", with dtype int64. For "one_hot", an axis of the number of bins is appended to
        it, replacing a last axis of size 1.

    Raises:
        ValueError: If an argument is invalid, or if the layer is called before boundaries are available.

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
        super().__init__(autocast=False, **kwargs)  # half-precision inputs would be assigned to wrong bins
        check(output in OUTPUTS, "output", output, " or ".join(map(repr, OUTPUTS)))
        bins = plain(bins)
        check(bins is None or (isinstance(bins, int) and bins > 1), "bins", bins, "an integer >= 2, or None")
        check(
            bins is not None or boundaries is not None,
            "boundaries",
            boundaries,
            "a sequence of numbers",
            "alternatively, pass `bins` and call `adapt`",
        )
        self.bins, self.output_mode = bins, output
        self.boundaries: list[float] | None = None
        if boundaries is not None:
            self.boundaries = [float(boundary) for boundary in boundaries]
            ordered = bool(self.boundaries) and self.boundaries == sorted(set(self.boundaries))
            check(
                ordered and bool(np.isfinite(self.boundaries).all()),
                "boundaries",
                boundaries,
                "a non-empty sequence of strictly increasing, finite numbers",
            )

    @property
    def size(self) -> int:
        """Number of bins."""
        return len(self._known()) + 1

    def adapt(self, data: NestedArrays | Dataset, seed: int = 0) -> None:
        """Computes new bin boundaries from data and replaces the old ones. Call it before compiling the model.

        Args:
            data: Tensor, array, or `tf.data.Dataset` of batches.
            seed: Random seed for sampling. If there are more than 200,000 values, the quantiles are estimated from a
                random sample; see `Quantiles`.

        Raises:
            ValueError: If `bins` is `None`, or if `data` has values that are not finite or too few distinct values.
        """
        check(self.bins is not None, "bins", self.bins, "set before `adapt` is called")
        quantiles = Quantiles(seed=seed)
        for batch in data if isinstance(data, tf.data.Dataset) else [data]:
            values = np.asarray(batch, "float64")
            check(bool(np.isfinite(values).all()), "data", data, "contain only finite numbers")
            quantiles.update(values)
        self.boundaries = boundaries_of(quantiles, self.bins or 0)

    def _known(self) -> list[float]:
        if self.boundaries is None:
            raise argument_error(
                "boundaries",
                None,
                "set before the layer is called",
                f"call the `adapt` method of {self.name!r}, or pass `boundaries`",
            )
        return self.boundaries

    def call(self, inputs: Tensor) -> Tensor:
        """Maps the inputs to bin indices or one-hot vectors."""
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
        """Returns the config of the layer, including the boundaries that `adapt` computed."""
        return {
            **super().get_config(),
            "boundaries": self.boundaries,
            "bins": self.bins,
            "output": self.output_mode,
        }


def boundaries_of(quantiles: Quantiles, bins: int) -> list[float]:
    """Returns bin boundaries such that all bins contain equal numbers of values.

    Raises:
        ValueError: If all values are in one bin.
    """
    boundaries = quantiles.boundaries(bins)
    remedy = "pass `boundaries`"
    check(
        bool(boundaries),
        "data",
        Verbatim("values for at most one bin"),
        "contain enough distinct values for at least two bins",
        remedy,
    )
    return boundaries
