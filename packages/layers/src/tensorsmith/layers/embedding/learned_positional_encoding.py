"""Learned positional encoding."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Initializer, Regularizer, Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class LearnedPositionalEncoding(keras.layers.Layer):
    """Adds a learned vector to each step of a sequence, so that layers that know no order can tell steps apart.

    Formula, with the row p of a learned table for step p:

        y[p] = x[p] + table[p]

    Source: Gehring et al., "Convolutional Sequence to Sequence Learning", 2017.

    Args:
        max_length: Rows of the table: the length of the longest sequence.
        embeddings_initializer: Initializer of the table.
        embeddings_regularizer: Regularizer of the table.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of floating type.

    Input shape:
        `(batch, ..., steps, features)`, of no more than `max_length` steps.

    Output shape:
        The same as the input shape.

    Raises:
        ValueError: `max_length` is no positive integer, a sequence is longer, or the number of features is not known.
            Where the length is known only when a graph runs, TensorFlow raises InvalidArgumentError.

    Example:
        >>> import keras
        >>> layer = LearnedPositionalEncoding(5, embeddings_initializer=keras.initializers.Constant(2.0))
        >>> print(layer(keras.ops.ones((1, 3, 2))).numpy()[0, 0])
        [3. 3.]
    """

    def __init__(
        self,
        max_length: int,
        embeddings_initializer: Initializer = "uniform",
        embeddings_regularizer: Regularizer | None = None,
        **kwargs: Any,
    ):
        check(is_integer(max_length) and max_length > 0, "max_length", max_length, "a positive integer")
        max_length = plain(max_length)
        super().__init__(**kwargs)
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(min_ndim=3)
        self.max_length = max_length
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)
        self.embeddings_regularizer = keras.regularizers.get(embeddings_regularizer)

    def build(self, input_shape: Shape) -> None:
        """Makes the table."""
        check(input_shape[-1] is not None, "inputs", tuple(input_shape), "a known number of features")
        self.table = self.add_weight(
            (self.max_length, input_shape[-1]),
            self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            name="table",
        )

    def call(self, inputs: Tensor) -> Tensor:
        """Adds the table's first rows."""
        inputs = floating(inputs, self.compute_dtype)
        self._check_steps(inputs.shape)
        # `self.table[:steps]` would give too few rows without an error, and a single one goes with any number of steps.
        return inputs + ops.slice(self.table, (0, 0), ops.shape(inputs)[-2:])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs."""
        self._check_steps(input_shape)
        return input_shape

    def _check_steps(self, shape: Shape) -> None:
        fits = shape[-2] is None or shape[-2] <= self.max_length
        remedy = "take a larger max_length, or SinusoidalPositionalEncoding, which has none"
        check(fits, "inputs", tuple(shape), f"no more than {self.max_length} steps", remedy)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {
            "max_length": self.max_length,
            "embeddings_initializer": keras.initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": keras.regularizers.serialize(self.embeddings_regularizer),
        }
        return {**super().get_config(), **own}
