"""Base class for Adam variants without a compiled kernel."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tensorsmith.core import KeepsArguments, SharedDocstrings
from tensorsmith.core.types import LearningRate, Scalar
from tensorsmith.optimizers._support.arguments import check_amounts, check_rates
from tensorsmith.optimizers._support.live import LiveRates
from tensorsmith.optimizers._support.row_optimizer import RowOptimizer

MOMENTS = """\
learning_rate: Learning rate, as a float, a schedule, or a callable without arguments.
beta_1: Float or `keras.Variable`, the exponential decay rate of the first moments.
beta_2: Float or `keras.Variable`, the exponential decay rate of the second moments.
epsilon: Small float added to the denominator for numerical stability."""
KERAS = """\
name: Name of the optimizer.
**kwargs: Base optimizer keyword arguments, such as `clipnorm`, `clipvalue`, `global_clipnorm`, `use_ema`,
    `ema_momentum`, `ema_overwrite_frequency`, `loss_scale_factor` and `gradient_accumulation_steps`."""


class MomentsOptimizer(SharedDocstrings, LiveRates, KeepsArguments, RowOptimizer):
    """Base class for optimizers that track the first and second moments of the gradients."""

    decays_itself = True
    kept_arguments: ClassVar[tuple[str, ...]] = ("beta_1", "beta_2", "epsilon", "amsgrad")
    shared_texts: ClassVar[Mapping[str, str]] = {"moments": MOMENTS, "keras": KERAS}

    def __init__(
        self,
        learning_rate: LearningRate,
        beta_1: Scalar,
        beta_2: Scalar,
        epsilon: float,
        amsgrad: bool = False,
        **kwargs: Any,
    ):
        check_rates(beta_1=beta_1, beta_2=beta_2)
        check_amounts(epsilon=epsilon)
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.amsgrad = amsgrad

    def build(self, variables: Sequence[Any]) -> None:
        """Create the moment variables."""
        if not self.built:
            super().build(variables)
            self.add_moments(variables)

    def add_moments(self, variables: Sequence[Any]) -> None:
        """Create the moment variables, with the shapes of the model variables."""
        self._momentums, self._velocities = self.add_slots(variables, "momentum", "velocity")
        if self.amsgrad:
            (self._velocity_hats,) = self.add_slots(variables, "velocity_hat")
