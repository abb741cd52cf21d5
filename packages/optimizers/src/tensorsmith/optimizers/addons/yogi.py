"""Yogi optimizer."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core import check, export
from tensorsmith.core.types import LearningRate, Scalar
from tensorsmith.optimizers._support.arguments import check_amounts, check_rates
from tensorsmith.optimizers._support.live import LiveRates, is_live
from tensorsmith.optimizers._support.proximal import shrunk
from tensorsmith.optimizers._support.row_optimizer import RowOptimizer, Step

DIRECTIONS = {"sign": tf.sign, "tanh": lambda x: tf.tanh(10 * x)}


@export
class Yogi(LiveRates, RowOptimizer):
    """Yogi optimizer, an Adam variant that limits the increase of the effective learning rate.

    If gradients are small for a long time and then large again, the second moments of Adam decay quickly between. Those
    of Yogi change by no more than a squared gradient per step, in both directions at the same rate.

    Formula, with the clipped gradient g and the step t; with `activation="tanh"`, sign(x) is replaced by tanh(10 x):

        m = beta1 m + (1 - beta1) g
        v = v + (1 - beta2) sign(g² - v) g²
        r = rate sqrt(1 - beta2^t) / (1 - beta1^t) / (sqrt(v) + epsilon)
        w = w - r m
        w = sign(w) max(|w| - r l1, 0) / (1 + r l2)

    For a sparse gradient, the moments m of all rows decay; the rest of the update is limited to its rows.

    Source: Zaheer et al., "Adaptive Methods for Nonconvex Optimization", 2018, algorithm 2.

    Args:
        learning_rate: Learning rate, as a float, a schedule, or a callable without arguments.
        beta1: Float or `keras.Variable`, the exponential decay rate of the first moments. If it is 0, no first moments
            are used.
        beta2: Float or `keras.Variable`, the decay rate of the second moments. With larger values, the second moments
            change more slowly.
        epsilon: Small float added to the denominator for numerical stability.
        l1_regularization_strength: Strength l1 of the L1 regularization penalty.
        l2_regularization_strength: Strength l2 of the L2 regularization penalty.
        initial_accumulator_value: Initial value of the second moments, `> 0`.
        activation: Function that updates the second moments: `"sign"`, or `"tanh"` for a smooth variant.
        name: Name of the optimizer.
        **kwargs: Base optimizer keyword arguments, such as `weight_decay`, `clipnorm`, `clipvalue`, `global_clipnorm`,
            `use_ema`, `ema_momentum`, `ema_overwrite_frequency`, `loss_scale_factor` and `gradient_accumulation_steps`.

    Raises:
        ValueError: If a number is out of range, `activation` is unknown, or Keras rejects an argument.

    Example:
        >>> import keras
        >>> variable = keras.Variable([1.0, 2.0])
        >>> optimizer = Yogi(0.1, epsilon=1e-7)
        >>> optimizer.apply([keras.ops.array([0.5, -0.5])], [variable])
        >>> print(variable.numpy().round(4))
        [0.9002 2.0998]
    """

    live_rates = ("beta1", "beta2")

    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        beta1: Scalar = 0.9,
        beta2: Scalar = 0.999,
        epsilon: float = 1e-3,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        initial_accumulator_value: float = 1e-6,
        activation: str = "sign",
        name: str = "Yogi",
        **kwargs: Any,
    ):
        check_rates(beta1=beta1, beta2=beta2)
        check_amounts(
            epsilon=epsilon,
            l1_regularization_strength=l1_regularization_strength,
            l2_regularization_strength=l2_regularization_strength,
            initial_accumulator_value=initial_accumulator_value,
        )
        fits = initial_accumulator_value > 0
        check(fits, "initial_accumulator_value", initial_accumulator_value, "a positive number")
        check(activation in DIRECTIONS, "activation", activation, f"one of {list(DIRECTIONS)}")
        super().__init__(learning_rate, name=name, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.initial_accumulator_value = initial_accumulator_value
        self.activation = activation

    def build(self, variables: Sequence[Any]) -> None:
        """Create the moment variables."""
        if self.built:
            return
        super().build(variables)
        (self._velocities,) = self.add_slots(variables, "velocity", initial=self.initial_accumulator_value)
        if self._has_momentums():
            (self._momentums,) = self.add_slots(variables, "momentum")

    def updated(self, step: Step) -> tf.Tensor:
        """Return the weights after the gradient step and the proximal step."""
        g, t = step.gradient, step.number
        m = step.fade(self._momentums, self.beta1, (1 - self.beta1) * g) if self._has_momentums() else g
        v = step.kept(self._velocities)
        # Additive update of the second moments: the change is limited to a squared gradient.
        direction = DIRECTIONS[self.activation](g * g - v)
        v = step.keep(self._velocities, v + (1 - self.beta2) * direction * g * g)
        # Adaptive rate with the bias corrections of Adam, used by the gradient step and the proximal step.
        rate = step.rate * tf.sqrt(1 - self.beta2**t) / (1 - self.beta1**t) / (tf.sqrt(v) + self.epsilon)
        l1, l2 = self.l1_regularization_strength, self.l2_regularization_strength
        return shrunk(step.weights - rate * m, rate, l1, l2)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the optimizer."""
        own = {
            "epsilon": self.epsilon,
            "l1_regularization_strength": self.l1_regularization_strength,
            "l2_regularization_strength": self.l2_regularization_strength,
            "initial_accumulator_value": self.initial_accumulator_value,
            "activation": self.activation,
        }
        return {**super().get_config(), **own}

    def _has_momentums(self) -> bool:
        return is_live(self.beta1) or self.beta1 != 0
