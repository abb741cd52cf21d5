"""The 1cycle schedule."""

import numbers
from collections.abc import Mapping
from typing import Any

from keras import ops

from tensorsmith.core import Timeline, check, export
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.arguments import finite
from tensorsmith.schedules._support.interpolation import between
from tensorsmith.schedules.schedule import Length, Schedule


@export
class OneCycle(Schedule):
    """One cycle from `initial` to `peak` and back, then a last stretch down to `final`.

    A learning rate rises in the first half of the cycle, falls in the second, and drops by orders of magnitude in
    the last stretch. The same class gives the momentum that goes with it, which dips and then stays at its maximum:
    `OneCycle(initial=0.95, peak=0.85, steps=steps, final=0.95)`. Keras' optimizers take it as learning rate; their
    momentum is a constant that no schedule can drive, while that of `SGD` and `AdamW` of `tensorsmith.optimizers` takes
    a schedule.

    Formula, linear between these corners and constant outside, with cycle = steps - max(1, round(final_share * steps)):

        step     0          cycle / 2    cycle      steps
        value    initial    peak         initial    final

    Source: Smith, "A Disciplined Approach to Neural Network Hyper-Parameters: Part 1", 2018.

    Args:
        initial: Value at the first step; for a learning rate about a tenth of `peak`.
        peak: Value in the middle of the cycle: the largest learning rate that still trains, or the smallest momentum.
        steps: How long it takes, the last stretch included: a number of steps, or a text such as "100%".
        final: Value at the end; `None` means a thousandth of `initial`.
        final_share: Share of the steps that the last stretch takes, in (0, 1).

    {{call}}

    Raises:
        ValueError: A value is no finite number, `steps` is no length above one step, `final_share` is not in (0, 1), or
            it leaves no step for the cycle.

    Example:
        >>> rate = OneCycle(initial=0.1, peak=1.0, steps=1000)
        >>> rate([0, 225, 450, 900, 1000, 5000]).numpy()
        array([1.0e-01, 5.5e-01, 1.0e+00, 1.0e-01, 1.0e-04, 1.0e-04], dtype=float32)
        >>> momentum = OneCycle(initial=0.95, peak=0.85, steps=1000, final=0.95)
        >>> momentum([0, 450, 900, 1000]).numpy()
        array([0.95, 0.85, 0.95, 0.95], dtype=float32)
    """

    def __init__(
        self,
        initial: float,
        peak: float,
        steps: Length,
        final: float | None = None,
        final_share: float = 0.1,
    ):
        self.initial = finite("initial", initial)
        self.peak = finite("peak", peak)
        self.final = self.initial / 1000 if final is None else finite("final", final)
        check(
            isinstance(final_share, numbers.Real) and 0 < final_share < 1,
            "final_share",
            final_share,
            "a number in (0, 1)",
            "give the share of the steps after the cycle, for example 0.1",
        )
        self.final_share = float(final_share)
        super().__init__(steps=steps)

    def formula(self, step: Tensor) -> Tensor:
        """Value at a step."""
        steps = self.length("steps")
        cycle = self._cycle(steps)
        half = cycle / 2
        rising = between(self.initial, self.peak, step / half)
        falling = between(self.peak, self.initial, (step - half) / half)
        last = between(self.initial, self.final, (step - cycle) / (steps - cycle))
        return ops.where(step < half, rising, ops.where(step < cycle, falling, last))

    def check_lengths(self, steps: Mapping[str, int], timeline: Timeline) -> None:
        """There is a step for the cycle and one for the last stretch."""
        self.require(steps["steps"] > 1, "steps", steps, "more than 1 step")
        check(
            self._cycle(steps["steps"]) > 0,
            "final_share",
            self.final_share,
            f"a share that leaves a step for the cycle, out of {steps['steps']}",
        )

    def _cycle(self, steps: int) -> int:
        return steps - max(1, round(self.final_share * steps))

    @property
    def end(self) -> int:
        """Where `final` is reached."""
        return self.length("steps")

    def get_config(self) -> dict[str, Any]:
        """All arguments, `final` as a number."""
        own = {"initial": self.initial, "peak": self.peak, "final": self.final, "final_share": self.final_share}
        return {**own, **super().get_config()}
