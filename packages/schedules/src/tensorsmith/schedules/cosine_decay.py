"""Half a wave down."""

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
    """From `initial` to `final` along half a wave of the cosine: slowly, faster, slowly again.

    Unlike `alpha` of `keras.optimizers.schedules.CosineDecay`, `final` is a value, not a share of `initial`; a warm-up
    is put before it by `Warmup`.

    Formula, with t the step:

        value = final + (initial - final) * (1 + cos(pi * min(t / steps, 1))) / 2

    Source: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017.

    Args:
        initial: Value at step 0.
        steps: How long the way takes: a number of steps, or a text such as "5 epochs".
        final: Value from the end on.

    {{call}}

    Raises:
        ValueError: A value is no finite number, or `steps` is no length of at least one step.

    Example:
        >>> CosineDecay(0.5, steps=90, final=0.1)([0, 30, 45, 90, 1000]).numpy()
        array([0.5, 0.4, 0.3, 0.1, 0.1], dtype=float32)
    """

    def __init__(self, initial: float, steps: Length, final: float = 0.0):
        self.initial = finite("initial", initial)
        self.final = finite("final", final)
        super().__init__(steps=steps)

    def formula(self, step: Tensor) -> Tensor:
        """Value at a step."""
        share = ops.minimum(step / self.length("steps"), 1.0)
        return between(self.final, self.initial, (1.0 + ops.cos(math.pi * share)) / 2)

    @property
    def end(self) -> int:
        """Where `final` is reached."""
        return self.length("steps")

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {"initial": self.initial, "final": self.final, **super().get_config()}
