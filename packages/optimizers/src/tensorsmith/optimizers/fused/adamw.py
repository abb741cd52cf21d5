"""AdamW optimizer with a compiled update."""

from typing import Any

import keras

from tensorsmith import ops
from tensorsmith.core import check, export
from tensorsmith.core.types import Hyperparameter, LearningRate
from tensorsmith.optimizers._support.arguments import check_constant_decay, check_rates
from tensorsmith.optimizers._support.fused_moments import FusedMoments
from tensorsmith.optimizers._support.live import LiveMomentum, is_live


@export
class AdamW(LiveMomentum, FusedMoments, keras.optimizers.AdamW):
    """AdamW optimizer that updates all variables in one compiled op.

    Arguments, variables and results are those of `keras.optimizers.AdamW`, and saved weights are interchangeable.
    Duplicate indices in a sparse gradient are summed before the update; Keras squares each slice. For the AdamW of
    TensorFlow Addons, whose decay is not multiplied by the learning rate, use
    `extend_with_decoupled_weight_decay(keras.optimizers.Adam)`.

    Formula, with the clipped gradient g and the step t:

        m = beta_1 m + (1 - beta_1) g
        v = beta_2 v + (1 - beta_2) g²
        w = w - rate weight_decay w - rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, and Loshchilov and Hutter, "Decoupled
    Weight Decay Regularization", 2019.

    Args:
        learning_rate: Learning rate, as a float, a schedule, or a callable without arguments.
        weight_decay: Float, the weight decay coefficient. In each step, `learning_rate * weight_decay * weight` is
            subtracted from each weight.
        beta_1: Float, `keras.Variable` or schedule, the exponential decay rate of the first moments. A variable or a
            schedule is evaluated in each step, also by the compiled op, and is tracked as a variable of the optimizer.
            The optimizers of Keras accept only numbers, which remain constant after a step is traced. The bias
            correction 1 - beta_1^t uses the current value, as in PyTorch.
        beta_2: Float or `keras.Variable`, the exponential decay rate of the second moments.
        epsilon: Small float added to the denominator for numerical stability.
        amsgrad: If `True`, use the AMSGrad variant, which uses the running maximum of the second moments in the
            denominator. This variant is computed by the implementation of Keras instead of the compiled op.
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
        check_rates(beta_2=beta_2)
        if not is_live(beta_1):
            check_rates(beta_1=beta_1)
        check(weight_decay is not None, "weight_decay", weight_decay, "a non-negative number")
        check_constant_decay(weight_decay)
        super().__init__(learning_rate, weight_decay, beta_1, beta_2, epsilon, amsgrad, **kwargs)
        self.adopt(beta_1)

    def has_kernel(self) -> bool:
        """Return `True` if the compiled op supports the hyperparameters of the optimizer."""
        return not self.amsgrad
