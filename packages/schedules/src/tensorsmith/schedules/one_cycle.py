"""1cycle schedule."""

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
    """1cycle policy: one cycle from `initial` to `peak` and back, followed by a final decay to `final`.

    A learning rate increases in the first half of the cycle, decreases in the second, and then decays by orders of
    magnitude. The same class provides the corresponding momentum, which decreases, increases and then remains at its
    maximum: `OneCycle(initial=0.95, peak=0.85, steps=steps, final=0.95)`. Keras optimizers accept the schedule as
    learning rate, but only a constant momentum; `SGD` and `AdamW` of `tensorsmith.optimizers` also accept a momentum
    schedule.

    Formula, linear between these points and constant outside. cycle = steps - max(1, round(final_fraction * steps)):

        step     0          cycle / 2    cycle      steps
        value    initial    peak         initial    final

    Source: Smith, "A Disciplined Approach to Neural Network Hyper-Parameters: Part 1", 2018.

    Args:
        initial: Value at the first step. For a learning rate, about a tenth of `peak` is recommended.
        peak: Value at the center of the cycle: the maximum learning rate, or the minimum momentum.
        steps: Total length of the schedule, including the final decay, as a number of steps or a string such as "100%".
        final: Value at and after the last step. If `None`, a thousandth of `initial` is used.
        final_fraction: Fraction of the steps that is used for the final decay, in (0, 1).

    {{call}}

    Raises:
        ValueError: If a value is not a finite number, `steps` is not a length of more than one step, or
            `final_fraction` is not in (0, 1) or leaves no step for the cycle.

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
        final_fraction: float = 0.1,
    ):
        self.initial = finite("initial", initial)
        self.peak = finite("peak", peak)
        self.final = self.initial / 1000 if final is None else finite("final", final)
        check(
            isinstance(final_fraction, numbers.Real) and 0 < final_fraction < 1,
            "final_fraction",
            final_fraction,
            "a number in (0, 1)",
            "pass the fraction of steps after the cycle, for example 0.1",
        )
        self.final_fraction = float(final_fraction)
        super().__init__(steps=steps)

    def formula(self, step: Tensor) -> Tensor:
        """Return the value of the schedule at a step."""
        steps = self.length("steps")
        cycle = self._cycle(steps)
        # Linear segments between the corners of the formula.
        half = cycle / 2
        rising = between(self.initial, self.peak, step / half)
        falling = between(self.peak, self.initial, (step - half) / half)
        last = between(self.initial, self.final, (step - cycle) / (steps - cycle))
        return ops.where(step < half, rising, ops.where(step < cycle, falling, last))

    def check_lengths(self, steps: Mapping[str, int], timeline: Timeline) -> None:
        """Check that the cycle and the final decay each have at least one step."""
        self.require(steps["steps"] > 1, "steps", steps, "more than 1 step")
        check(
            self._cycle(steps["steps"]) > 0,
            "final_fraction",
            self.final_fraction,
            f"a fraction that leaves at least one of the {steps['steps']} steps for the cycle",
        )

    def _cycle(self, steps: int) -> int:
        return steps - max(1, round(self.final_fraction * steps))

    @property
    def end(self) -> int:
        """Step at which the value `final` is reached."""
        return self.length("steps")

    def get_config(self) -> dict[str, Any]:
        """Return the config of the schedule, with `final` as a number."""
        own = {"initial": self.initial, "peak": self.peak, "final": self.final, "final_fraction": self.final_fraction}
        return {**own, **super().get_config()}
