"""LAMB optimizer of TensorFlow Addons."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import export
from tensorsmith.core.types import Gradient, Hyperparameter, LearningRate, Scalar, Variable
from tensorsmith.optimizers._support.arguments import check_patterns
from tensorsmith.optimizers._support.moments_optimizer import MomentsOptimizer
from tensorsmith.optimizers._support.paths import matches
from tensorsmith.optimizers._support.row_optimizer import Step


@export
class AddonsLAMB(MomentsOptimizer):
    """LAMB optimizer of TensorFlow Addons, whose trust ratio includes the weight decay, as in the paper.

    `Lamb`, like the optimizer of Keras, decays weights before the trust ratio is applied, and adapts all layers; it has
    compiled kernels.

    Formula, with the clipped gradient g and the step t, where the ratio of norms is 1 if one of the norms is 0:

        m = beta_1 m + (1 - beta_1) g
        v = beta_2 v + (1 - beta_2) g²
        u = m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon) + weight_decay w
        w = w - rate |w| / |u| u

    A sparse gradient is treated as a dense one, because the norms include all rows.

    Source: You et al., "Large Batch Optimization for Deep Learning: Training BERT in 76 Minutes", 2020.

    Args:
        {{moments}}
        weight_decay: Fraction of the weights that is added to the update before the trust ratio is applied: a float, a
            schedule, or a callable without arguments.
        exclude_from_weight_decay: List of regular expressions. A variable is excluded from weight decay if one of the
            expressions matches its path, such as `model/dense_1/bias`. TensorFlow Addons matches names instead, which
            in Keras 3 contain only the last component of the path, such as `bias`. Variables can also be excluded with
            the method `exclude_from_weight_decay` of Keras optimizers.
        exclude_from_layer_adaptation: List of regular expressions. The trust ratio of a variable is 1 if one of the
            expressions matches its path. Defaults to `exclude_from_weight_decay`.
        {{keras}}

    Raises:
        ValueError: If a number is out of range, an argument is not a list of regular expressions, or Keras rejects an
            argument.

    Example:
        >>> import keras
        >>> variable = keras.Variable([3.0, 4.0])
        >>> optimizer = AddonsLAMB(0.1)
        >>> optimizer.apply([keras.ops.array([0.5, -0.5])], [variable])  # the norms are 5 and sqrt(2)
        >>> print(variable.numpy().round(4))
        [2.6464 4.3536]
    """

    kept_arguments = ("beta_1", "beta_2", "epsilon")

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: Scalar = 0.9,
        beta_2: Scalar = 0.999,
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
        """Create the moment variables, and select the variables for weight decay and layer adaptation."""
        undecayed, unscaled = self._patterns.values()
        self._decays = [not matches(variable, undecayed) for variable in variables]
        # As in TensorFlow Addons, exclusions from decay also apply to the adaptation unless it has its own.
        self._adapts = [not matches(variable, unscaled or undecayed) for variable in variables]
        super().add_moments(variables)

    def update_step(self, gradient: Gradient, variable: Variable, learning_rate: Scalar) -> None:
        """Update one variable, after converting a sparse gradient to a dense gradient."""
        super().update_step(tf.convert_to_tensor(gradient), variable, learning_rate)

    def updated(self, step: Step) -> tf.Tensor:
        """Return the weights after an Adam step with weight decay, scaled by the trust ratio."""
        g, t = step.gradient, step.number
        m = step.keep(self._momentums, self.beta_1 * step.kept(self._momentums) + (1 - self.beta_1) * g)
        v = step.keep(self._velocities, self.beta_2 * step.kept(self._velocities) + (1 - self.beta_2) * g * g)
        weights = step.weights
        # Adam update with bias correction. The decay is added before the norm of the update is computed.
        update = m / (1 - self.beta_1**t) / (tf.sqrt(v / (1 - self.beta_2**t)) + self.epsilon)
        if step.decay is not None and self._decays[step.position]:
            update += step.decay * weights
        # Trust ratio of the norms of the weights and the update.
        rate = step.rate
        if self._adapts[step.position]:
            length, other = tf.norm(weights), tf.norm(update)
            rate *= tf.where((length > 0) & (other > 0), tf.math.divide_no_nan(length, other), 1.0)
        return weights - rate * update

    def get_config(self) -> dict[str, Any]:
        """Return the config of the optimizer."""
        patterns = {name: None if given is None else list(given) for name, given in self._patterns.items()}
        return {**super().get_config(), **patterns}


# The name under which models were saved before the class was renamed.
keras.saving.get_custom_objects()["tensorsmith>LAMB"] = AddonsLAMB
