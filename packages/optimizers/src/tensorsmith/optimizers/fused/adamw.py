"""AdamW."""

from typing import Any

import keras

from tensorsmith import ops
from tensorsmith.core import check, export
from tensorsmith.core.types import Hyperparameter, LearningRate
from tensorsmith.optimizers._support.arguments import check_constant_decay, check_rates
from tensorsmith.optimizers._support.fused_moments import FusedMoments
from tensorsmith.optimizers._support.live import LiveMomentum


@export
class AdamW(LiveMomentum, FusedMoments, keras.optimizers.AdamW):
    """Keras' AdamW, with all variables updated in one compiled op.

    It has the arguments, the variables and the results of `keras.optimizers.AdamW`: weights of one load into the other.
    A row that comes twice in a sparse gradient gets what the sum of its slices is worth; Keras squares each slice.
    TensorFlow Addons' AdamW, whose decay the learning rate does not scale, is
    `extend_with_decoupled_weight_decay(keras.optimizers.Adam)`.

    Formula, with g the gradient, clipped, and t the step:

        m = beta_1 m + (1 - beta_1) g
        v = beta_2 v + (1 - beta_2) g²
        w = w - rate weight_decay w - rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, and Loshchilov and Hutter, "Decoupled
    Weight Decay Regularization", 2019.

    Args:
        learning_rate: Float, schedule, or function without arguments.
        weight_decay: Share of the weights, times the learning rate, that is taken off them in every step.
        beta_1: How much of the first moments stays. A `keras.Variable` is read in every step, so that whatever changes
            it changes the training, and a schedule of steps is followed; the op takes both. The correction
            1 - beta_1^t is that of the step's value, as in PyTorch. The variable is one more of the optimizer's. Keras'
            own has numbers only, which stay as they were when a step was traced.
        beta_2: How much of the second moments stays.
        epsilon: What keeps the quotient from zero.
        amsgrad: The variant that divides by the largest second moments so far; it takes Keras' own way.
        {{keras}}

    {{raises}}

    Example:
        >>> import keras
        >>> variable = keras.Variable([1.0, 2.0])
        >>> optimizer = AdamW(0.1, weight_decay=0.0)
        >>> optimizer.apply([keras.ops.array([0.5, -0.5])], [variable])
        >>> print(variable.numpy().round(4))
        [0.9 2.1]
    """

    live = "beta_1"
    op = staticmethod(ops.adam_update)

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        weight_decay: Hyperparameter = 0.004,
        beta_1: Hyperparameter = 0.9,
        beta_2: Hyperparameter = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **kwargs: Any,
    ):
        check_rates(beta_1=beta_1, beta_2=beta_2)
        check(weight_decay is not None, "weight_decay", weight_decay, "a number of 0 or more")
        check_constant_decay(weight_decay)
        super().__init__(learning_rate, weight_decay, beta_1, beta_2, epsilon, amsgrad, **kwargs)
        self.adopt(beta_1)

    def has_kernel(self) -> bool:
        """Whether there is a kernel for this optimizer's settings."""
        return not self.amsgrad
