"""The 1cycle schedule."""

import math
import numbers
from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export


@export
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """One cycle from `initial` to `peak` and back, then a last stretch down to `final`.

    A learning rate rises in the first half of the cycle, falls in the second, and drops by orders of magnitude in
    the last stretch. The same class gives the momentum that goes with it, which dips and then stays at its maximum:
    `OneCycle(initial=0.95, peak=0.85, steps=steps, final=0.95)`. It is a pure function of the step. Keras' optimizers
    take it as learning rate; their momentum is a constant that no schedule can drive.

    Formula, linear between these corners and constant outside, with cycle = steps - max(1, round(final_share * steps)):

        step     0          cycle / 2    cycle      steps
        value    initial    peak         initial    final

    Source: Smith, "A Disciplined Approach to Neural Network Hyper-Parameters: Part 1", 2018.

    Args:
        initial: Value at the first step; for a learning rate about a tenth of `peak`.
        peak: Value in the middle of the cycle: the largest learning rate that still trains, or the smallest momentum.
        steps: Number of training steps, the last stretch included.
        final: Value at the end; `None` means a thousandth of `initial`.
        final_share: Share of the steps that the last stretch takes, in (0, 1).

    Call arguments:
        step: Step number: a Python number, or a tensor of any number type and shape.

    Input shape:
        Any.

    Output shape:
        The same as the input shape, in float32.

    Raises:
        ValueError: A value is no finite number, `steps` is no integer above 1, `final_share` is not in (0, 1), or it
            leaves no step for the cycle.

    Example:
        >>> import numpy as np
        >>> rate = OneCycle(initial=0.1, peak=1.0, steps=1000)
        >>> np.array([rate(step) for step in (0, 225, 450, 900, 1000, 5000)])
        array([1.0e-01, 5.5e-01, 1.0e+00, 1.0e-01, 1.0e-04, 1.0e-04], dtype=float32)
        >>> momentum = OneCycle(initial=0.95, peak=0.85, steps=1000, final=0.95)
        >>> np.array([momentum(step) for step in (0, 450, 900, 1000)])
        array([0.95, 0.85, 0.95, 0.95], dtype=float32)
    """

    def __init__(
        self,
        initial: float,
        peak: float,
        steps: int,
        final: float | None = None,
        final_share: float = 0.1,
    ):
        for name, value in (("initial", initial), ("peak", peak), ("final", final)):
            wanted = isinstance(value, numbers.Real) and math.isfinite(value)
            check(wanted or (name == "final" and value is None), name, value, "a finite number")
        check(isinstance(steps, numbers.Integral) and steps > 1, "steps", steps, "an integer above 1")
        check(
            isinstance(final_share, numbers.Real) and 0 < final_share < 1,
            "final_share",
            final_share,
            "a number in (0, 1)",
            "give the share of the steps after the cycle, for example 0.1",
        )
        cycle = steps - max(1, round(final_share * steps))
        check(
            cycle > 0,
            "final_share",
            final_share,
            f"a share that leaves a step for the cycle, out of {steps}",
        )
        self.initial = initial
        self.peak = peak
        self.steps = int(steps)
        self.final = initial / 1000 if final is None else final
        self.final_share = final_share
        self.cycle = cycle

    def __call__(self, step: Any) -> Any:
        """Value at a step."""
        step = ops.cast(step, "float32")
        half = self.cycle / 2
        rising = _between(self.initial, self.peak, step / half)
        falling = _between(self.peak, self.initial, (step - half) / half)
        last = _between(self.initial, self.final, (step - self.cycle) / (self.steps - self.cycle))
        return ops.where(step < half, rising, ops.where(step < self.cycle, falling, last))

    def get_config(self) -> dict[str, Any]:
        """All arguments, `final` as a number."""
        return {
            "initial": self.initial,
            "peak": self.peak,
            "steps": self.steps,
            "final": self.final,
            "final_share": self.final_share,
        }


def _between(start: float, end: float, share: Any) -> Any:
    """The value at a share of the way, held at both ends; in this form the ends come out exact in float32."""
    share = ops.clip(share, 0.0, 1.0)
    return (1.0 - share) * start + share * end
