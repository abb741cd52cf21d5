"""Dense layer with learned noise on its weights."""

import math
from functools import partial
from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.core.types import Activation, Constraint, Regularizer, Shape, Tensor
from tensorsmith.layers._support.seeds import seeds_from


@export
class NoisyDense(keras.layers.Layer):
    """Dense layer with learned noise on its weights, for exploration in reinforcement learning.

    The noise is constant until `reset_noise` draws new noise or `remove_noise` removes it. Formula:

        y = activation(x (mu_kernel + sigma_kernel * eps_kernel) + mu_bias + sigma_bias * eps_bias)

    With n inputs, factorised noise is the outer product of f(e) for the inputs and f(e') for the outputs, with f(e) =
    sign(e) sqrt(|e|) of standard normal variables e. In this case mu is initialized uniformly within 1 / sqrt(n), and
    sigma with `sigma` / sqrt(n). Independent noise is standard normal, mu is initialized uniformly within sqrt(3 / n),
    and sigma with 0.017.

    Source: Fortunato et al., "Noisy Networks for Exploration", 2018.

    Args:
        units: Positive integer, dimensionality of the output space.
        sigma: Float, the initial scale of the noise.
        use_factorised: If `True`, use factorised noise. Otherwise, use independent noise.
        activation: Activation function to use. If `None`, no activation is applied.
        use_bias: If `True`, the layer uses a bias vector.
        kernel_regularizer: Regularizer for mu_kernel and sigma_kernel.
        bias_regularizer: Regularizer for mu_bias and sigma_bias.
        activity_regularizer: Regularizer for the output of the layer.
        kernel_constraint: Constraint for mu_kernel and sigma_kernel.
        bias_constraint: Constraint for mu_bias and sigma_bias.
        seed: Integer to seed the initial values and the noise. If `None`, the seed is derived from the global Keras
            seed.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Input tensor of floating-point type.

    Input shape:
        `(batch, ..., features)`.

    Output shape:
        `(batch, ..., units)`.

    Raises:
        ValueError: If `units` is not a positive integer, `sigma` is negative, or `seed` is not an integer.

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
        check(is_number(sigma) and sigma >= 0, "sigma", sigma, "a non-negative number")
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
        """Creates the weights, with initial noise."""
        features: Any = input_shape[-1]
        check(features is not None, "inputs", tuple(input_shape), "have a known number of features")
        self.features = features
        # Initial values of the paper for factorised and for independent noise.
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
        """Initializer that returns the initial noise of the kernel or bias.

        The seeds are integers, so that kernel and bias are computed from the same draws.
        """
        kernel, bias = self._draw(self._seeds["inputs"], self._seeds["outputs"])
        return kernel if name == "kernel" else bias

    def _draw(
        self, of_inputs: keras.random.SeedGenerator, of_outputs: keras.random.SeedGenerator
    ) -> tuple[Tensor, Tensor]:
        """Returns random noise for the kernel and for the bias, drawn with two seed generators."""

        def normal(seed: keras.random.SeedGenerator, *shape: int) -> Tensor:
            return keras.random.normal(shape, dtype=self.variable_dtype, seed=seed)

        if not self.use_factorised:
            return normal(of_inputs, self.features, self.units), normal(of_outputs, self.units)
        # Factorised noise: f(e) = sign(e) sqrt(|e|).
        rows, columns = (
            keras.ops.sign(e) * keras.ops.sqrt(keras.ops.abs(e))
            for e in (normal(of_inputs, self.features), normal(of_outputs, self.units))
        )
        # Outer product of the noise of inputs and outputs: (features, units). The bias uses that of the outputs.
        return rows[:, None] * columns, columns

    def reset_noise(self) -> None:
        """Samples new noise for the kernel and the bias."""
        kernel, bias = self._draw(self.seed_generator, self.seed_generator)
        self.eps_kernel.assign(kernel)
        if self.use_bias:
            self.eps_bias.assign(bias)

    def remove_noise(self) -> None:
        """Sets the noise to zero until the next call of `reset_noise`."""
        self.eps_kernel.assign(keras.ops.zeros_like(self.eps_kernel))
        if self.use_bias:
            self.eps_bias.assign(keras.ops.zeros_like(self.eps_bias))

    def call(self, inputs: Tensor) -> Tensor:
        """Multiplies the inputs by the noisy weights."""
        y = keras.ops.matmul(inputs, self.mu_kernel + self.sigma_kernel * self.eps_kernel)
        if self.use_bias:
            y += self.mu_bias + self.sigma_bias * self.eps_bias
        return self.activation(y)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape: the input shape with `units` features."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
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
