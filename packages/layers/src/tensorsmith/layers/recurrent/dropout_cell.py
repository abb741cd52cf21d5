"""Wrapper that adds dropout with a new mask at each time step to a recurrent cell."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class DropoutCell(keras.layers.Layer):
    """Wrapper that adds dropout with a new mask at each time step to a recurrent cell.

    The arguments `dropout` and `recurrent_dropout` of recurrent layers use one mask for all steps of a sequence (Gal
    and Ghahramani, 2016). With this wrapper, the masks of the steps are independent, as in earlier work. Use it in a
    layer as `keras.layers.RNN(DropoutCell(cell, recurrent_dropout=0.1))`.

    Formula, with binary masks m and k that are drawn at each step:

        h' = cell(m * x / (1 - dropout), k * h / (1 - recurrent_dropout))
        m ~ Bernoulli(1 - dropout), k ~ Bernoulli(1 - recurrent_dropout)

    Source: Zaremba et al., "Recurrent Neural Network Regularization", 2014 (inputs); Moon et al., "RnnDrop: A Novel
    Dropout for RNNs in ASR", 2015, compares masks for each step and for each sequence.

    Args:
        cell: Recurrent cell, such as `keras.layers.LSTMCell(8)`.
        dropout: Float in [0, 1). Fraction of the inputs to drop.
        recurrent_dropout: Float in [0, 1). Fraction to drop of the first state, which is h in all cells of Keras.
        seed: Integer to seed the random generator. If `None`, the seed is derived from the global Keras seed.
        **kwargs: Base layer keyword arguments, such as `name` and `dtype`.

    Call arguments:
        inputs: Floating-point tensor of shape `(batch, features)`.
        states: List of the previous states of the cell.
        training: If `True`, apply dropout.

    Input shape:
        `(batch, features)`, and the shapes of the states.

    Output shape:
        The output of the cell, and a list with the new states.

    Raises:
        ValueError: If `cell` is not a recurrent cell, a rate is not in [0, 1), or `seed` is not an integer.

    Example:
        >>> import keras, numpy as np
        >>> layer = keras.layers.RNN(DropoutCell(keras.layers.GRUCell(4), recurrent_dropout=0.1))
        >>> layer(np.ones((2, 10, 3))).shape
        TensorShape([2, 4])
    """

    def __init__(
        self,
        cell: keras.Layer,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        fits = isinstance(cell, keras.Layer) and hasattr(cell, "state_size") and not isinstance(cell, keras.layers.RNN)
        check(fits, "cell", cell, "a recurrent cell", "pass for example keras.layers.GRUCell(8)")
        for name, rate in (("dropout", dropout), ("recurrent_dropout", recurrent_dropout)):
            check(is_number(rate) and 0 <= rate < 1, name, rate, "a number in [0, 1)")
        check(seed is None or is_integer(seed), "seed", seed, "an integer or None")
        dropout, recurrent_dropout, seed = plain((dropout, recurrent_dropout, seed))
        super().__init__(**kwargs)
        self.cell = cell
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.state_size = cell.state_size
        self.output_size = getattr(cell, "output_size", None)

    def build(self, input_shape: Shape) -> None:
        """Builds the cell."""
        if not self.cell.built:
            self.cell.build(input_shape)

    def get_initial_state(self, batch_size: int | None = None) -> Any:
        """Returns the initial states of the cell."""
        return self.cell.get_initial_state(batch_size)

    def call(self, inputs: Tensor, states: Sequence[Tensor], training: bool = False) -> Any:
        """Computes one time step."""
        inputs, states = floating([inputs, list(states)], self.compute_dtype)
        if training and self.dropout > 0:
            inputs = keras.random.dropout(inputs, self.dropout, seed=self.seed_generator)
        if training and self.recurrent_dropout > 0:
            kept = keras.random.dropout(states[0], self.recurrent_dropout, seed=self.seed_generator)
            states = [kept, *states[1:]]
        return self.cell(inputs, states, training=training)

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {
            "cell": keras.saving.serialize_keras_object(self.cell),
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "seed": self.seed,
        }
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "DropoutCell":
        """Creates the layer from its config."""
        return cls(**{**config, "cell": keras.saving.deserialize_keras_object(config["cell"])})
