"""The cell of independently recurrent networks."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, is_number, plain
from tensorsmith.core.types import Activation, Initializer, Shape, Tensor
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.recurrent_layer import check_recurrent, dropped


@export
class IndRNNCell(keras.layers.SimpleRNNCell):
    """One step of an independently recurrent network: each unit remembers itself only, and layers mix units.

    `keras.layers.RNN(IndRNNCell(8))` makes a layer. Formula, with a number u for each unit where a simple recurrent
    network has a matrix:

        h' = activation(x kernel + u * h + bias)

    The gradient of a unit goes through n steps as u to the power of n: it neither explodes nor vanishes while |u| is
    near 1, and stays whole behind a ReLU. So sequences can be longer and layers more. For gradients that grow no
    more than g times in T steps take `recurrent_clip=g ** (1 / T)`; the paper has a g of 2.

    Source: Li et al., "Independently Recurrent Neural Network (IndRNN): Building a Longer and Deeper RNN", 2018.

    Args:
        units: Number of units. All else is given by name.
        activation: Activation.
        recurrent_initializer: Initializer of u; None draws from 0 to `recurrent_clip`, or to 1 without one, so that
            units remember for different times.
        recurrent_clip: What |u| stays within, above 0: it is clipped after each training step. None for no limit.
        **kwargs: The other arguments of `keras.layers.SimpleRNNCell`: `use_bias`, initializers, regularizers,
            constraints, `dropout`, `recurrent_dropout`, `seed`, `name`, `dtype`, `trainable`.

    Call arguments:
        inputs: Tensor (batch, features) of floating type.
        states: The tensor h (batch, units) before the step.
        training: Whether there is dropout.

    Input shape:
        `(batch, features)` and `(batch, units)`.

    Output shape:
        h `(batch, units)`, and the state after the step.

    Raises:
        ValueError: `units` is no positive integer, or `recurrent_clip` is no number above 0.

    Example:
        >>> import keras, numpy as np
        >>> steps = 100
        >>> cells = [IndRNNCell(16, recurrent_clip=2 ** (1 / steps)) for _ in range(3)]
        >>> keras.layers.RNN(cells)(np.ones((2, steps, 3))).shape
        TensorShape([2, 16])
        >>> cells[0].recurrent_kernel.shape
        TensorShape([16])
    """

    def __init__(
        self,
        units: int,
        *,
        activation: Activation = "relu",
        recurrent_initializer: Initializer | None = None,
        recurrent_clip: float | None = None,
        **kwargs: Any,
    ):
        check_recurrent(units, kwargs.get("dropout", 0.0), kwargs.get("recurrent_dropout", 0.0))
        fits = recurrent_clip is None or (is_number(recurrent_clip) and recurrent_clip > 0)
        check(fits, "recurrent_clip", recurrent_clip, "a number above 0 or None")
        units, recurrent_clip = plain((units, recurrent_clip))
        super().__init__(units, activation=activation, recurrent_initializer=recurrent_initializer, **plain(kwargs))
        self.recurrent_clip = recurrent_clip

    def build(self, input_shape: Shape) -> None:
        """Makes the weights."""
        constraint = self.recurrent_constraint
        if self.recurrent_clip is not None:
            constraint = _Clip(constraint, self.recurrent_clip)
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units),
            name="kernel",
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.recurrent_kernel = self.add_weight(
            shape=(self.units,),
            name="recurrent_kernel",
            initializer=self.recurrent_initializer or keras.initializers.RandomUniform(0, self.recurrent_clip or 1),
            regularizer=self.recurrent_regularizer,
            constraint=constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(self.units,),
                name="bias",
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def call(self, inputs: Tensor, states: Sequence[Tensor], training: bool = False) -> tuple[Tensor, list[Tensor]]:
        """Takes the step."""
        inputs, states = floating([inputs, states], self.compute_dtype)
        x, fed = dropped(self, inputs, states[0], training)
        z = keras.ops.matmul(x, self.kernel) + self.recurrent_kernel * fed
        h = self.activation(z if self.bias is None else z + self.bias)
        return h, [h]

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "recurrent_clip": self.recurrent_clip}


class _Clip(keras.constraints.Constraint):
    """Constrains weights as another constraint does, and then to [-limit, limit]."""

    def __init__(self, constraint: Callable[[Tensor], Tensor] | None, limit: float):
        self.constraint = constraint
        self.limit = limit

    def __call__(self, w: Tensor) -> Tensor:
        """Return the constrained weights."""
        return keras.ops.clip(w if self.constraint is None else self.constraint(w), -self.limit, self.limit)
