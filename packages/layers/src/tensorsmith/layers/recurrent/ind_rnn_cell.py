"""Cell of an independently recurrent neural network (IndRNN)."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, is_number, plain
from tensorsmith.core.types import Activation, Initializer, Shape, Tensor
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.recurrent_layer import check_recurrent, dropped


@export
class IndRNNCell(keras.layers.SimpleRNNCell):
    """Cell of an independently recurrent neural network (IndRNN), in which each unit is connected only to itself.

    Units are mixed by the kernels of stacked layers. Use the cell in a layer as `keras.layers.RNN(IndRNNCell(8))`.
    Formula, with a vector u in place of the recurrent matrix of a simple RNN:

        h' = activation(x kernel + u * h + bias)

    The gradient of a unit over n steps contains the n-th power of u: it neither explodes nor vanishes while |u| is
    close to 1, and ReLU does not saturate. Sequences can be longer and networks deeper. To limit the growth of
    gradients to a factor of g over T steps, use `recurrent_clip=g ** (1 / T)`. The paper uses g = 2.

    Source: Li et al., "Independently Recurrent Neural Network (IndRNN): Building a Longer and Deeper RNN", 2018.

    Args:
        units: Positive integer, dimensionality of the output space. All other arguments are keyword-only.
        activation: Activation function to use.
        recurrent_initializer: Initializer for the recurrent weights u. If `None`, u is initialized uniformly between 0
            and `recurrent_clip` (or 1 if `recurrent_clip` is `None`), so that the memory length differs between units.
        recurrent_clip: Positive float, the maximum absolute value of the recurrent weights u, which are clipped after
            each training step. If `None`, u is not clipped.
        **kwargs: Other arguments of `keras.layers.SimpleRNNCell`: `use_bias`, initializers, regularizers, constraints,
            `dropout`, `recurrent_dropout`, `seed`, `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Floating-point tensor of shape `(batch, features)`.
        states: List with the previous state h, of shape `(batch, units)`.
        training: If `True`, apply dropout.

    Input shape:
        `(batch, features)` and `(batch, units)`.

    Output shape:
        The output h, `(batch, units)`, and a list with the new state.

    Raises:
        ValueError: If `units` is not a positive integer, or `recurrent_clip` is not a positive number.

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
        check(fits, "recurrent_clip", recurrent_clip, "a positive number or None")
        units, recurrent_clip = plain((units, recurrent_clip))
        super().__init__(units, activation=activation, recurrent_initializer=recurrent_initializer, **plain(kwargs))
        self.recurrent_clip = recurrent_clip

    def build(self, input_shape: Shape) -> None:
        """Creates the weights of the cell."""
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
        """Computes one time step."""
        inputs, states = floating([inputs, states], self.compute_dtype)
        x, fed = dropped(self, inputs, states[0], training)
        # The recurrence is elementwise: a unit receives only its own state.
        z = keras.ops.matmul(x, self.kernel) + self.recurrent_kernel * fed
        h = self.activation(z if self.bias is None else z + self.bias)
        return h, [h]

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the cell."""
        return {**super().get_config(), "recurrent_clip": self.recurrent_clip}


class _Clip(keras.constraints.Constraint):
    """Constraint that applies another constraint and then clips weights to [-limit, limit]."""

    def __init__(self, constraint: Callable[[Tensor], Tensor] | None, limit: float):
        self.constraint = constraint
        self.limit = limit

    def __call__(self, w: Tensor) -> Tensor:
        """Returns the constrained weights."""
        return keras.ops.clip(w if self.constraint is None else self.constraint(w), -self.limit, self.limit)
