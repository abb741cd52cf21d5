"""Adam optimizer with weight decay that is independent of the learning rate."""

from typing import Any

import keras

from tensorsmith.core import export
from tensorsmith.core.types import Hyperparameter, LearningRate, Scalar
from tensorsmith.optimizers._support.arguments import check_rates
from tensorsmith.optimizers._support.live import LiveRates
from tensorsmith.optimizers.addons.decoupled_weight_decay import DecoupledWeightDecayExtension


@export
class AddonsAdamW(LiveRates, DecoupledWeightDecayExtension, keras.optimizers.Adam):
    """AdamW optimizer of TensorFlow Addons, whose weight decay is independent of the learning rate.

    `AdamW`, like the optimizer of Keras, multiplies `weight_decay` by the learning rate, and decays all rows of a
    variable with a sparse gradient; it has compiled kernels.

    Formula, with the clipped gradient g and the step t:

        w = w - weight_decay w
        m = beta_1 m + (1 - beta_1) g
        v = beta_2 v + (1 - beta_2) g²
        w = w - rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)

    For a sparse gradient, only its rows decay, and the moments update all rows.

    Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019.

    Args:
        weight_decay: Fraction of the weights that is subtracted in each step: a float, a schedule, or a callable
            without arguments.
        learning_rate: Learning rate, as a float, a schedule, or a callable without arguments.
        beta_1: Float in [0, 1) or `keras.Variable`, the decay rate of the first moment.
        beta_2: Float in [0, 1) or `keras.Variable`, the decay rate of the second moment.
        epsilon: Small float added for numerical stability.
        amsgrad: If `True`, divide by the largest second moment so far.
        name: Name of the optimizer.
        **kwargs: `exclude_from_weight_decay`, a list of regular expressions for the paths of variables without weight
            decay, and base optimizer keyword arguments, such as `clipnorm`, `clipvalue`, `global_clipnorm`, `use_ema`,
            `ema_momentum`, `ema_overwrite_frequency`, `loss_scale_factor` and `gradient_accumulation_steps`.

    Raises:
        ValueError: If `weight_decay` is negative, `exclude_from_weight_decay` is not a list of regular expressions, or
            Keras rejects an argument.

    Example:
        >>> import keras
        >>> variable = keras.Variable([1.0, 2.0])
        >>> optimizer = AddonsAdamW(weight_decay=0.1, learning_rate=0.01)
        >>> optimizer.apply([keras.ops.array([0.5, -0.5])], [variable])
        >>> print(variable.numpy().round(4))
        [0.89 1.81]
    """

    def __init__(
        self,
        weight_decay: Hyperparameter,
        learning_rate: LearningRate = 0.001,
        beta_1: Scalar = 0.9,
        beta_2: Scalar = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        name: str = "AdamW",
        **kwargs: Any,
    ):
        check_rates(beta_1=beta_1, beta_2=beta_2)
        super().__init__(
            weight_decay,
            learning_rate=learning_rate,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            amsgrad=amsgrad,
            name=name,
            **kwargs,
        )
