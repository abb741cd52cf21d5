"""LAMB."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core import export
from tensorsmith.core.types import Gradient, Hyperparameter, LearningRate, Scalar, Variable
from tensorsmith.optimizers._support.arguments import check_patterns
from tensorsmith.optimizers._support.moments_optimizer import MomentsOptimizer
from tensorsmith.optimizers._support.paths import matches
from tensorsmith.optimizers._support.row_optimizer import Step


@export
class LAMB(MomentsOptimizer):
    """Adam with a trust ratio for each tensor, and decay of weights as part of what the ratio scales, as in the paper.

    `Lamb`, as Keras has it, decays weights before the ratio comes in, and adapts every layer; it has compiled kernels.

    Formula, with g the gradient, clipped, and t the step; the ratio of norms is 1 where one is 0:

        m = beta_1 m + (1 - beta_1) g
        v = beta_2 v + (1 - beta_2) g²
        u = m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon) + weight_decay w
        w = w - rate |w| / |u| u

    A sparse gradient counts as a dense one, since the norms are those of all rows.

    Source: You et al., "Large Batch Optimization for Deep Learning: Training BERT in 76 Minutes", 2020.

    Args:
        {{moments}}
        weight_decay: The share of the weights that joins the update: a number, a schedule, or a function without
            arguments.
        exclude_from_weight_decay: Regular expressions; variables in whose path, such as `model/dense_1/bias`, one is
            found do not decay. TensorFlow Addons has names, which in Keras 3 are `bias` only. The method of this name,
            which every Keras optimizer has, excludes others, too.
        exclude_from_layer_adaptation: Regular expressions for variables whose ratio is 1; those that do not decay if
            there are none.
        {{keras}}

    Raises:
        ValueError: A number is out of its range, there are no lists of expressions, or Keras refuses an argument.

    Example:
        >>> import keras
        >>> variable = keras.Variable([3.0, 4.0])
        >>> optimizer = LAMB(0.1)
        >>> optimizer.apply([keras.ops.array([0.5, -0.5])], [variable])  # the weights' norm is 5, the update's sqrt(2)
        >>> print(variable.numpy().round(4))
        [2.6464 4.3536]
    """

    kept_arguments = ("beta_1", "beta_2", "epsilon")

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-6,
        weight_decay: Hyperparameter = 0.0,
        exclude_from_weight_decay: Sequence[str] | None = None,
        exclude_from_layer_adaptation: Sequence[str] | None = None,
        name: str = "LAMB",
        **kwargs: Any,
    ):
        check_patterns(
            exclude_from_weight_decay=exclude_from_weight_decay,
            exclude_from_layer_adaptation=exclude_from_layer_adaptation,
        )
        super().__init__(learning_rate, beta_1, beta_2, epsilon, weight_decay=weight_decay, name=name, **kwargs)
        self._patterns = {
            "exclude_from_weight_decay": exclude_from_weight_decay,
            "exclude_from_layer_adaptation": exclude_from_layer_adaptation,
        }

    def add_moments(self, variables: Sequence[Any]) -> None:
        """Create the moments, and find the variables to which decay and layer adaptation apply."""
        undecayed, unscaled = self._patterns.values()
        self._decays = [not matches(variable, undecayed) for variable in variables]
        self._adapts = [not matches(variable, unscaled or undecayed) for variable in variables]
        super().add_moments(variables)

    def update_step(self, gradient: Gradient, variable: Variable, learning_rate: Scalar) -> None:
        """Updates one variable."""
        super().update_step(tf.convert_to_tensor(gradient), variable, learning_rate)

    def updated(self, step: Step) -> tf.Tensor:
        """Adam's step with decay, as long as the weights are."""
        g, t = step.gradient, step.number
        m = step.keep(self._momentums, self.beta_1 * step.kept(self._momentums) + (1 - self.beta_1) * g)
        v = step.keep(self._velocities, self.beta_2 * step.kept(self._velocities) + (1 - self.beta_2) * g * g)
        weights = step.weights
        update = m / (1 - self.beta_1**t) / (tf.sqrt(v / (1 - self.beta_2**t)) + self.epsilon)
        if step.decay is not None and self._decays[step.place]:
            update += step.decay * weights
        rate = step.rate
        if self._adapts[step.place]:
            length, other = tf.norm(weights), tf.norm(update)
            rate *= tf.where((length > 0) & (other > 0), tf.math.divide_no_nan(length, other), 1.0)
        return weights - rate * update

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        patterns = {name: None if given is None else list(given) for name, given in self._patterns.items()}
        return {**super().get_config(), **patterns}
