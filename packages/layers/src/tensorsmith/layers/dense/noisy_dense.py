"""A dense layer with learned noise."""

import math
from functools import partial
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.core.types import Activation, Constraint, Regularizer, Shape, Tensor
from tensorsmith.layers._support.seeds import seeds_from


@export
class NoisyDense(keras.layers.Layer):
    """A dense layer whose weights carry noise of a learned strength, with which agents explore.

    The noise stays as it is until `reset_noise` draws another or `remove_noise` takes it away. Formula:

        y = activation(x (mu_kernel + sigma_kernel * eps_kernel) + mu_bias + sigma_bias * eps_bias)

    With n inputs, factorised noise is the outer product of f(e) of the inputs and f(e') of the outputs, f(e) =
    sign(e) sqrt(|e|) of normal numbers e; mu begins uniform within 1 / sqrt(n), and sigma with `sigma` / sqrt(n).
    Independent noise is normal; mu begins uniform within sqrt(3 / n), and sigma with 0.017.

    Source: Fortunato et al., "Noisy Networks for Exploration", 2018.

    Args:
        units: Size of the outputs.
        sigma: Strength of factorised noise to begin with.
        use_factorised: Whether the noise is factorised or independent.
        activation: Activation; none if None.
        use_bias: Whether there is a bias.
        kernel_regularizer: Regularizer of both mu_kernel and sigma_kernel.
        bias_regularizer: Regularizer of both mu_bias and sigma_bias.
        activity_regularizer: Regularizer of the outputs.
        kernel_constraint: Constraint of both mu_kernel and sigma_kernel.
        bias_constraint: Constraint of both mu_bias and sigma_bias.
        seed: Integer that fixes all draws; None takes one from Keras' global seed.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of floating type.

    Input shape:
        `(batch, ..., features)`.

    Output shape:
        `(batch, ..., units)`.

    Raises:
        ValueError: `units` is no positive integer, `sigma` is negative, or `seed` is no integer.

    Example:
        >>> import numpy as np
        >>> layer, x = NoisyDense(3, seed=1), np.ones((1, 4))
        >>> first = layer(x)
        >>> layer.reset_noise()
        >>> bool(np.any(layer(x) != first))
        True
        >>> layer.remove_noise()
        >>> np.testing.assert_allclose(layer(x), x @ layer.mu_kernel + layer.mu_bias, rtol=1e-5)
    """

    def __init__(
        self,
        units: int,
        sigma: float = 0.5,
        use_factorised: bool = True,
        activation: Activation | None = None,
        use_bias: bool = True,
        kernel_regularizer: Regularizer | None = None,
        bias_regularizer: Regularizer | None = None,
        activity_regularizer: Regularizer | None = None,
        kernel_constraint: Constraint | None = None,
        bias_constraint: Constraint | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        check(is_integer(units) and units > 0, "units", units, "a positive integer")
        check(is_number(sigma) and sigma >= 0, "sigma", sigma, "a number of 0 or more")
        check(seed is None or is_integer(seed), "seed", seed, "an integer or None")
        units, sigma, seed = plain((units, sigma, seed))
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(min_ndim=2)
        self.units = units
        self.sigma = sigma
        self.use_factorised = use_factorised
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.seed = seed
        self._seeds = dict(zip(("inputs", "outputs", "kernel", "bias", "later"), seeds_from(seed, 5), strict=True))
        self.seed_generator = keras.random.SeedGenerator(self._seeds["later"])

    def build(self, input_shape: Shape) -> None:
        """Makes the weights, with noise."""
        features: Any = input_shape[-1]
        check(features is not None, "inputs", tuple(input_shape), "a known number of features")
        self.features = features
        reach = 1 / math.sqrt(features) if self.use_factorised else math.sqrt(3 / features)
        strength = self.sigma / math.sqrt(features) if self.use_factorised else 0.017
        shapes: dict[str, tuple[int, ...]] = {"kernel": (features, self.units)}
        if self.use_bias:
            shapes["bias"] = (self.units,)
        for name, shape in shapes.items():
            kept = {
                "regularizer": getattr(self, f"{name}_regularizer"),
                "constraint": getattr(self, f"{name}_constraint"),
            }
            mu = keras.initializers.RandomUniform(-reach, reach, seed=self._seeds[name])
            sigma = keras.initializers.Constant(strength)
            setattr(self, f"sigma_{name}", self.add_weight(shape, sigma, name=f"sigma_{name}", **kept))
            setattr(self, f"mu_{name}", self.add_weight(shape, mu, name=f"mu_{name}", **kept))
            noise = partial(self._first_noise, name)
            setattr(self, f"eps_{name}", self.add_weight(shape, noise, name=f"eps_{name}", trainable=False))

    def _first_noise(self, name: str, *unused: Any, **more: Any) -> Tensor:
        """An initializer, but for its first argument. From integers, so that kernel and bias see the same draws."""
        kernel, bias = self._draw(self._seeds["inputs"], self._seeds["outputs"])
        return kernel if name == "kernel" else bias

    def _draw(
        self, of_inputs: keras.random.SeedGenerator, of_outputs: keras.random.SeedGenerator
    ) -> tuple[Tensor, Tensor]:
        """Noise of the kernel and of the bias, from two seeds."""

        def normal(seed: keras.random.SeedGenerator, *shape: int) -> Tensor:
            return keras.random.normal(shape, dtype=self.variable_dtype, seed=seed)

        if not self.use_factorised:
            return normal(of_inputs, self.features, self.units), normal(of_outputs, self.units)
        rows, columns = (
            keras.ops.sign(e) * keras.ops.sqrt(keras.ops.abs(e))
            for e in (normal(of_inputs, self.features), normal(of_outputs, self.units))
        )
        return rows[:, None] * columns, columns

    def reset_noise(self) -> None:
        """Draws other noise."""
        kernel, bias = self._draw(self.seed_generator, self.seed_generator)
        self.eps_kernel.assign(kernel)
        if self.use_bias:
            self.eps_bias.assign(bias)

    def remove_noise(self) -> None:
        """Takes the noise away, until `reset_noise`."""
        self.eps_kernel.assign(keras.ops.zeros_like(self.eps_kernel))
        if self.use_bias:
            self.eps_bias.assign(keras.ops.zeros_like(self.eps_bias))

    def call(self, inputs: Tensor) -> Tensor:
        """Multiplies by the noisy weights."""
        y = keras.ops.matmul(inputs, self.mu_kernel + self.sigma_kernel * self.eps_kernel)
        if self.use_bias:
            y += self.mu_bias + self.sigma_bias * self.eps_bias
        return self.activation(y)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs, with `units` features."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {
            "units": self.units,
            "sigma": self.sigma,
            "use_factorised": self.use_factorised,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
            "bias_constraint": keras.constraints.serialize(self.bias_constraint),
            "activity_regularizer": keras.regularizers.serialize(self.activity_regularizer),
            "seed": self.seed,
        }
        return {**super().get_config(), **own}
