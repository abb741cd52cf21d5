"""Echo state networks."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, init_arguments, is_integer, is_number, plain
from tensorsmith.core.types import Activation, DType, Initializer, Shape, Tensor, Variable
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.seeds import seeds_from


@export
class ESNCell(keras.layers.Layer):
    """One step of an echo state network: a random recurrent network that is not trained, only what reads it is.

    Formula, with the leaking rate a:

        h' = (1 - a) h + a activation(x kernel + h recurrent_kernel + bias)

    Of the recurrent kernel all but a share of `connectivity` is zero, and its spectral radius is the given one. Below 1
    the states forget how they began.

    Source: Jaeger, "The 'Echo State' Approach to Analysing and Training Recurrent Neural Networks", 2001.

    Args:
        units: Size of h.
        connectivity: How likely two units are connected, in [0, 1].
        leaky: The leaking rate, in [0, 1].
        spectral_radius: The greatest absolute eigenvalue of the recurrent kernel.
        use_norm2: Whether it is the root of the sum of squares that is made so instead, a bound that needs no
            eigenvalues.
        use_bias: Whether there is a bias.
        activation: Activation.
        kernel_initializer: Initializer of the kernel.
        recurrent_initializer: Initializer of the recurrent kernel, before connections are cut and it is scaled.
        bias_initializer: Initializer of the bias.
        seed: Integer that fixes which connections there are; None takes one from Keras' global seed.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor (batch, features) of floating type.
        states: The tensor h (batch, units) before the step.

    Input shape:
        `(batch, features)` and `(batch, units)`.

    Output shape:
        h `(batch, units)`, and the state after the step.

    Raises:
        ValueError: `units` is no positive integer, a share is not in [0, 1], or `spectral_radius` is negative.

    Example:
        >>> import keras, numpy as np
        >>> cell = ESNCell(20, connectivity=0.5, seed=1)
        >>> keras.layers.RNN(cell)(np.ones((2, 10, 3))).shape
        TensorShape([2, 20])
        >>> print(np.abs(np.linalg.eigvals(cell.recurrent_kernel)).max().round(4))
        0.9
    """

    def __init__(
        self,
        units: int,
        connectivity: float = 0.1,
        leaky: float = 1,
        spectral_radius: float = 0.9,
        use_norm2: bool = False,
        use_bias: bool = True,
        activation: Activation = "tanh",
        kernel_initializer: Initializer = "glorot_uniform",
        recurrent_initializer: Initializer = "glorot_uniform",
        bias_initializer: Initializer = "zeros",
        seed: int | None = None,
        **kwargs: Any,
    ):
        check(is_integer(units) and units > 0, "units", units, "a positive integer")
        for name, share in (("connectivity", connectivity), ("leaky", leaky)):
            check(is_number(share) and 0 <= share <= 1, name, share, "a number in [0, 1]")
        fits = is_number(spectral_radius) and spectral_radius >= 0
        check(fits, "spectral_radius", spectral_radius, "a number of 0 or more")
        check(seed is None or is_integer(seed), "seed", seed, "an integer or None")
        units, connectivity, leaky, spectral_radius, seed = plain((units, connectivity, leaky, spectral_radius, seed))
        super().__init__(**kwargs)
        self.units = self.state_size = self.output_size = units
        self.connectivity = connectivity
        self.leaky = leaky
        self.spectral_radius = spectral_radius
        self.use_norm2 = use_norm2
        self.use_bias = use_bias
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.seed = seed
        (self._connections,) = seeds_from(seed, 1)  # not the seed itself, which an initializer may have, too

    def build(self, input_shape: Shape) -> None:
        """Makes the weights, which are not trained."""

        def fixed(name: str, shape: Shape, initializer: Initializer) -> Variable:
            return self.add_weight(shape, initializer, name=name, trainable=False)

        self.recurrent_kernel = fixed("recurrent_kernel", (self.units, self.units), self._reservoir)
        self.kernel = fixed("kernel", (input_shape[-1], self.units), self.kernel_initializer)
        self.bias = fixed("bias", (self.units,), self.bias_initializer) if self.use_bias else None

    def _reservoir(self, shape: Shape, dtype: DType | None = None) -> Tensor:
        """The recurrent kernel."""
        connected = keras.random.uniform(shape, seed=self._connections) <= self.connectivity
        weights = keras.ops.where(connected, self.recurrent_initializer(shape, "float32"), 0.0)
        if self.use_norm2:
            size = keras.ops.sqrt(keras.ops.sum(keras.ops.square(weights)))
        else:
            size = keras.ops.max(keras.ops.abs(keras.ops.eig(weights)[0]))
        return keras.ops.cast(weights * keras.ops.divide_no_nan(self.spectral_radius, size), dtype)

    def call(self, inputs: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Takes the step."""
        inputs, states = floating([inputs, states], self.compute_dtype)
        (h,) = states
        z = keras.ops.matmul(inputs, self.kernel) + keras.ops.matmul(h, self.recurrent_kernel)
        after = self.activation(z if self.bias is None else z + self.bias)
        after = (1 - self.leaky) * h + self.leaky * after
        return after, [after]

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {
            "units": self.units,
            "connectivity": self.connectivity,
            "leaky": self.leaky,
            "spectral_radius": self.spectral_radius,
            "use_norm2": self.use_norm2,
            "use_bias": self.use_bias,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "recurrent_initializer": keras.initializers.serialize(self.recurrent_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "seed": self.seed,
        }
        return {**super().get_config(), **own}


@export
class ESN(keras.layers.RNN):
    """An echo state network: a random recurrent network that is not trained, only what reads it is.

    It is `keras.layers.RNN` over an `ESNCell`, where formula, source and the other arguments are.

    Args:
        units: Size of h.
        return_sequences: Whether the outputs of all steps are returned, and not only the last.
        go_backwards: Whether to begin with the last step.
        unroll: Whether the loop over the steps is unrolled.
        **kwargs: The other arguments of `keras.layers.RNN`, and `name`, `dtype`, `trainable`.

    Call arguments:
        sequences: Tensor (batch, steps, features).
        initial_state: h (batch, units) before the first step; zeros if None.
        mask: Booleans (batch, steps): False leaves a step out.

    Input shape:
        `(batch, steps, features)`.

    Output shape:
        `(batch, units)`, with `return_sequences` `(batch, steps, units)`.

    Raises:
        ValueError: As `ESNCell` says.

    Example:
        >>> import numpy as np
        >>> ESN(20, seed=1)(np.ones((2, 10, 3))).shape
        TensorShape([2, 20])
    """

    def __init__(
        self,
        units: int,
        connectivity: float = 0.1,
        leaky: float = 1,
        spectral_radius: float = 0.9,
        use_norm2: bool = False,
        use_bias: bool = True,
        activation: Activation = "tanh",
        kernel_initializer: Initializer = "glorot_uniform",
        recurrent_initializer: Initializer = "glorot_uniform",
        bias_initializer: Initializer = "zeros",
        return_sequences: bool = False,
        go_backwards: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        arguments = plain(init_arguments(locals()))
        own = {name: arguments.pop(name) for name in ("return_sequences", "go_backwards", "unroll", *kwargs)}
        super().__init__(ESNCell(**arguments, dtype=kwargs.get("dtype")), **own)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        config = super().get_config()
        del config["cell"]
        return {**self.cell.get_config(), **config}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> "ESN":
        """The layer with these arguments, which need no custom objects; Keras' recurrent layers take some."""
        config = {name: value for name, value in config.items() if name != "time_major"}  # of Keras 2, in old files
        return cls(**config)
