"""The Transformer's schedule."""

from collections.abc import Mapping
from typing import Any

from keras import ops

from tensorsmith.core import Timeline, export
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.arguments import finite
from tensorsmith.schedules.schedule import Length, Schedule


@export
class InverseSquareRoot(Schedule):
    """Rises in a straight line from 0 to `peak`, then falls with the square root of the step.

    The Transformer's own numbers are `InverseSquareRoot(peak=(512 * 4000) ** -0.5, warmup=4000)`, with 512 the width
    of the model. Its steps begin with 1; those of Keras' optimizers, and so these, with 0, where the value is 0.

    Formula, with t the step:

        value = peak * min(t / warmup, sqrt(warmup / t))

    Source: Vaswani et al., "Attention Is All You Need", 2017, as d^-0.5 * min(t^-0.5, t * warmup^-1.5).

    Args:
        peak: Largest value.
        warmup: How long the rise takes: a number of steps, or a text such as "5 epochs".

    {{call}}

    Raises:
        ValueError: `peak` is no finite number, or `warmup` is no length of at least one step, or one longer than the
            run it is bound to.

    Example:
        >>> InverseSquareRoot(0.4, warmup=100)([0, 50, 100, 400]).numpy()
        array([0. , 0.2, 0.4, 0.2], dtype=float32)
    """

    def __init__(self, peak: float, warmup: Length):
        self.peak = finite("peak", peak)
        super().__init__(warmup=warmup)

    def formula(self, step: Tensor) -> Tensor:
        """Value at a step."""
        warmup = self.length("warmup")
        return self.peak * ops.minimum(step / warmup, 1.0) * ops.sqrt(warmup / ops.maximum(step, warmup))

    def check_lengths(self, steps: Mapping[str, int], timeline: Timeline) -> None:
        """The warm-up lies within the run."""
        super().check_lengths(steps, timeline)
        self.require_within_run("warmup", steps, timeline)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {"peak": self.peak, **super().get_config()}
