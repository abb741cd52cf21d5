"""Cosine decay schedule."""

import math
from typing import Any

from keras import ops

from tensorsmith.core import export
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.arguments import finite
from tensorsmith.schedules._support.interpolation import between
from tensorsmith.schedules.schedule import Length, Schedule


@export
class CosineDecay(Schedule):
    """Cosine decay from `initial` to `final`.

    Unlike `alpha` of `keras.optimizers.schedules.CosineDecay`, `final` is a value and not a fraction of `initial`. Use
    `Warmup` to add a warm-up.

    Formula, with the step t:

        value = final + (initial - final) * (1 + cos(pi * min(t / steps, 1))) / 2

    Source: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017.

    Args:
        initial: Value at step 0.
        steps: Length of the decay, as a number of steps or a string such as "5 epochs".
        final: Value at and after the end of the decay.

    {{call}}

    Raises:
        ValueError: If a value is not a finite number, or `steps` is not a length of at least one step.

    Example:
        >>> CosineDecay(0.5, steps=90, final=0.1)([0, 30, 45, 90, 1000]).numpy()
        array([0.5, 0.4, 0.3, 0.1, 0.1], dtype=float32)
    """

    def __init__(self, initial: float, steps: Length, final: float = 0.0):
        self.initial = finite("initial", initial)
        self.final = finite("final", final)
        super().__init__(steps=steps)

    def formula(self, step: Tensor) -> Tensor:
        """Return the value of the schedule at a step."""
        # Bounded, because the cosine would increase again after the last step.
        share = ops.minimum(step / self.length("steps"), 1.0)
        return between(self.final, self.initial, (1.0 + ops.cos(math.pi * share)) / 2)

    @property
    def end(self) -> int:
        """Step at which the value `final` is reached."""
        return self.length("steps")

    def get_config(self) -> dict[str, Any]:
        """Return the config of the schedule."""
        return {"initial": self.initial, "final": self.final, **super().get_config()}
