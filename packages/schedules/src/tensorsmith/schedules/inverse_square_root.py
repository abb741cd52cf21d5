"""Inverse square root schedule of the Transformer."""

from collections.abc import Mapping
from typing import Any

from keras import ops

from tensorsmith.core import Timeline, export
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.arguments import finite
from tensorsmith.schedules.schedule import Length, Schedule


@export
class InverseSquareRoot(Schedule):
    """Linear warm-up from 0 to `peak`, followed by decay proportional to the inverse square root of the step.

    The schedule of the original Transformer is `InverseSquareRoot(peak=(512 * 4000) ** -0.5, warmup=4000)`, where 512
    is the width of the model. Its steps start from 1; those of Keras optimizers and of this schedule start from 0,
    where the value is 0.

    Formula, with the step t:

        value = peak * min(t / warmup, sqrt(warmup / t))

    Source: Vaswani et al., "Attention Is All You Need", 2017, as d^-0.5 * min(t^-0.5, t * warmup^-1.5).

    Args:
        peak: Maximum value, which is reached at the end of the warm-up.
        warmup: Length of the warm-up, as a number of steps or a string such as "5 epochs".

    {{call}}

    Raises:
        ValueError: If `peak` is not a finite number, or `warmup` is not a length of at least one step or exceeds the
            run that the schedule is bound to.

    Example:
        >>> InverseSquareRoot(0.4, warmup=100)([0, 50, 100, 400]).numpy()
        array([0. , 0.2, 0.4, 0.2], dtype=float32)
    """

    def __init__(self, peak: float, warmup: Length):
        self.peak = finite("peak", peak)
        super().__init__(warmup=warmup)

    def formula(self, step: Tensor) -> Tensor:
        """Return the value of the schedule at a step."""
        warmup = self.length("warmup")
        # The second factor is 1 during the warm-up, the first one after it. The maximum avoids a division by 0.
        return self.peak * ops.minimum(step / warmup, 1.0) * ops.sqrt(warmup / ops.maximum(step, warmup))

    def check_lengths(self, steps: Mapping[str, int], timeline: Timeline) -> None:
        """Check that the warm-up is not longer than the run."""
        super().check_lengths(steps, timeline)
        self.require_within_run("warmup", steps, timeline)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the schedule."""
        return {"peak": self.peak, **super().get_config()}
