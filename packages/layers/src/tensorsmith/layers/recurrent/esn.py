"""Echo state network layer and its cell."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import check, export, init_arguments, is_integer, is_number, plain
from tensorsmith.core.types import Activation, DType, Initializer, Shape, Tensor, Variable
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.seeds import seeds_from


@export
class ESNCell(keras.layers.Layer):
    """Cell class for `ESN`, an echo state network with random recurrent weights that are not trained.

    Formula, with the leaking rate a:

        h' = (1 - a) h + a activation(x kernel + h recurrent_kernel + bias)

    The recurrent kernel is sparse, with a fraction `connectivity` of nonzero weights, and is scaled to the given
    spectral radius. With a radius below 1, the effect of the initial state vanishes over time. Only the layers that
    read the states are trained.

    Source: Jaeger, "The 'Echo State' Approach to Analysing and Training Recurrent Neural Networks", 2001.

    Args:
        units: Positive integer, dimensionality of the output space (the state h).
        connectivity: Float in [0, 1], the probability that two units are connected.
        leaky: Float in [0, 1], the leaking rate: the weight of the new activation in the new state. The weight of the
            previous state is `1 - leaky`.
        spectral_radius: Non-negative float, the largest absolute eigenvalue of the recurrent kernel.
        use_norm2: If `True`, `spectral_radius` specifies the Frobenius norm of the recurrent kernel instead of the
            spectral radius. The Frobenius norm is an upper bound of the spectral radius and can be computed without
            eigenvalues.
        use_bias: If `True`, the layer uses a bias vector.
        activation: Activation function to use.
        kernel_initializer: Initializer for the kernel matrix.
        recurrent_initializer: Initializer for the recurrent kernel. After initialization, the kernel is made sparse and
            scaled.
        bias_initializer: Initializer for the bias vector.
        seed: Integer to seed the random connections. If `None`, the seed is derived from the global Keras seed.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Floating-point tensor of shape `(batch, features)`.
        states: List whose first entry is the previous state h, of shape `(batch, units)`.

    Input shape:
        `(batch, features)` and `(batch, units)`.

    Output shape:
        The output h, `(batch, units)`, and a list with the new state.

    Raises:
        ValueError: If `units` is not a positive integer, `connectivity` or `leaky` is not in [0, 1], or
            `spectral_radius` is negative.

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
        check(fits, "spectral_radius", spectral_radius, "a non-negative number")
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
        (self._connections,) = seeds_from(seed, 1)  # not the seed itself, which an initializer may also use

    def build(self, input_shape: Shape) -> None:
        """Creates the non-trainable weights of the cell."""

        def fixed(name: str, shape: Shape, initializer: Initializer) -> Variable:
            return self.add_weight(shape, initializer, name=name, trainable=False)

        self.recurrent_kernel = fixed("recurrent_kernel", (self.units, self.units), self._reservoir)
        self.kernel = fixed("kernel", (input_shape[-1], self.units), self.kernel_initializer)
        self.bias = fixed("bias", (self.units,), self.bias_initializer) if self.use_bias else None

    def _reservoir(self, shape: Shape, dtype: DType | None = None) -> Tensor:
        """Returns the sparse recurrent kernel, scaled to the specified spectral radius or norm."""
        connected = keras.random.uniform(shape, seed=self._connections) <= self.connectivity
        weights = keras.ops.where(connected, self.recurrent_initializer(shape, "float32"), 0.0)
        if self.use_norm2:
            # The Frobenius norm is an upper bound of the spectral radius and cheaper to compute.
            size = keras.ops.sqrt(keras.ops.sum(keras.ops.square(weights)))
        else:
            # Spectral radius: the largest absolute value of the eigenvalues, which may be complex.
            size = keras.ops.max(keras.ops.abs(keras.ops.eig(weights)[0]))
        # A kernel without connections has a spectral radius of 0 and remains zero.
        return keras.ops.cast(weights * keras.ops.divide_no_nan(self.spectral_radius, size), dtype)

    def call(self, inputs: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Computes one time step."""
        inputs, states = floating([inputs, states], self.compute_dtype)
        h = states[0]
        z = keras.ops.matmul(inputs, self.kernel) + keras.ops.matmul(h, self.recurrent_kernel)
        after = self.activation(z if self.bias is None else z + self.bias)
        after = (1 - self.leaky) * h + self.leaky * after
        return after, [after]

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the cell."""
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
    """Echo state network layer with random recurrent weights that are not trained.

    It applies an `ESNCell` in a `keras.layers.RNN`. See `ESNCell` for the formula, the source and the other arguments.

    Args:
        units: Positive integer, dimensionality of the output space (the state h).
        return_sequences: If `True`, return the full sequence of outputs instead of the last output.
        go_backwards: If `True`, process the input sequence backwards and return the reversed sequence.
        unroll: If `True`, unroll the loop over the time steps.
        **kwargs: Other arguments of `keras.layers.RNN`, such as `return_state`, `name` and `dtype`.

    Call arguments:
        sequences: Tensor of shape `(batch, steps, features)`.
        initial_state: State h, `(batch, units)`, before the first step. If `None`, zeros are used.
        mask: Boolean tensor of shape `(batch, steps)`. Steps with `False` are skipped.

    Input shape:
        `(batch, steps, features)`.

    Output shape:
        `(batch, units)`, or `(batch, steps, units)` with `return_sequences`.

    Raises:
        ValueError: If an argument of `ESNCell` is invalid.

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
        """Returns the config of the layer."""
        config = super().get_config()
        del config["cell"]
        return {**self.cell.get_config(), **config}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> "ESN":
        """Creates a layer from its config. `custom_objects` is accepted for compatibility with Keras but ignored."""
        config = {name: value for name, value in config.items() if name != "time_major"}  # of Keras 2
        return cls(**config)
