"""Layer that adds a learned positional encoding to sequences."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Initializer, Regularizer, Shape, Tensor
from tensorsmith.layers._support.floating import floating

REMEDY = "increase `max_length`, or `context` of a model, or use `SinusoidalPositionalEncoding`, which has no limit"


@export
class LearnedPositionalEncoding(keras.layers.Layer):
    """Learned positional encoding: adds a learned vector to each step of a sequence.

    It allows layers that are invariant to the order of steps, such as attention, to use their positions.

    Formula, with one row of a learned table for each step p:

        y[p] = x[p] + table[p]

    Source: Gehring et al., "Convolutional Sequence to Sequence Learning", 2017.

    Args:
        max_length: Positive integer, the maximum sequence length.
        embeddings_initializer: Initializer for the embedding matrix.
        embeddings_regularizer: Regularizer function applied to the embedding matrix.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input tensor of floating-point type.

    Input shape:
        `(batch, ..., steps, features)`, with at most `max_length` steps.

    Output shape:
        Same shape as the input.

    Raises:
        ValueError: If `max_length` is not a positive integer, a sequence is longer than `max_length`, or the number of
            features is unknown. If the length is only known at graph execution, TensorFlow raises an
            `InvalidArgumentError`.

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
        """Creates the embedding matrix of the positions."""
        check(input_shape[-1] is not None, "inputs", tuple(input_shape), "have a known number of features")
        self.table = self.add_weight(
            (self.max_length, input_shape[-1]),
            self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            name="table",
        )

    def call(self, inputs: Tensor) -> Tensor:
        """Adds the positional encoding to the inputs."""
        inputs = floating(inputs, self.compute_dtype)
        self._check_steps(inputs.shape)
        with tf.control_dependencies(self._assertions(inputs)):
            # `self.table[:steps]` would silently return too few rows, and a single row would be broadcast to all steps.
            return inputs + ops.slice(self.table, (0, 0), ops.shape(inputs)[-2:])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape, which is the input shape."""
        self._check_steps(input_shape)
        return input_shape

    def _check_steps(self, shape: Shape) -> None:
        fits = shape[-2] is None or shape[-2] <= self.max_length
        check(fits, "inputs", tuple(shape), f"have at most {self.max_length} steps", REMEDY)

    def _assertions(self, inputs: Tensor) -> list[tf.Operation]:
        """Returns the check of the number of steps at graph execution, whose message says more than that of a slice."""
        if inputs.shape[-2] is not None:
            return []
        steps = tf.shape(inputs)[-2]
        message = [f"inputs must have at most {self.max_length} steps, got", steps, f"{REMEDY[0].upper()}{REMEDY[1:]}."]
        return [tf.debugging.Assert(steps <= self.max_length, message)]

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {
            "max_length": self.max_length,
            "embeddings_initializer": keras.initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": keras.regularizers.serialize(self.embeddings_regularizer),
        }
        return {**super().get_config(), **own}
