"""Warmup-stable-decay schedule."""

from collections.abc import Mapping
from typing import Any

from keras import ops

from tensorsmith.core import Timeline, check, did_you_mean, export
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.arguments import finite
from tensorsmith.schedules._support.interpolation import between
from tensorsmith.schedules.schedule import Length, Schedule

SHAPES = ("linear", "1-sqrt")


@export
class Trapezoid(Schedule):
    """Warmup-stable-decay (WSD) schedule: linear warm-up to `peak`, a constant phase, and a final decay.

    Before the decay, the values do not depend on the length of the run. One run can therefore be evaluated at several
    lengths, with a decay from a checkpoint for each.

    Formula, with the step t and s = max(t - (steps - decay), 0) / decay, limited to 1:

        value = initial + (peak - initial) * t / warmup     if t < warmup
                final + (peak - final) * (1 - s)            otherwise, with shape "linear"
                final + (peak - final) * (1 - sqrt(s))      otherwise, with shape "1-sqrt"

    Source: Hu et al., "MiniCPM", 2024, who call it WSD; for the shapes: Hägele et al., "Scaling Laws and
    Compute-Optimal Training Beyond Fixed Training Durations", 2024.

    Args:
        peak: Value in the constant phase between warm-up and decay.
        warmup: Length of the warm-up, which may be 0, as a number of steps or a string such as "5 epochs".
        decay: Length of the final decay, as a number of steps or a string such as "20%".
        steps: Total length of the schedule, as a number of steps or a string such as "100%".
        initial: Value at step 0.
        final: Value at and after the end of the decay.
        shape: Shape of the final decay, `"linear"` or `"1-sqrt"`.

    {{call}}

    Raises:
        ValueError: If a value is not a finite number, a length is invalid, `decay` is less than one step, warm-up and
            decay overlap, or `shape` is unknown.

    Example:
        >>> Trapezoid(0.8, warmup=4, decay=4, steps=20, shape="1-sqrt")([0, 1, 4, 16, 17, 20, 99]).numpy()
        array([0. , 0.2, 0.8, 0.8, 0.4, 0. , 0. ], dtype=float32)
    """

    def __init__(
        self,
        peak: float,
        warmup: Length,
        decay: Length,
        steps: Length,
        initial: float = 0.0,
        final: float = 0.0,
        shape: str = "linear",
    ):
        self.peak = finite("peak", peak)
        self.initial = finite("initial", initial)
        self.final = finite("final", final)
        check(shape in SHAPES, "shape", shape, f"one of {', '.join(SHAPES)}", did_you_mean(str(shape), SHAPES))
        self.shape = shape
        super().__init__(warmup=warmup, decay=decay, steps=steps)

    def formula(self, step: Tensor) -> Tensor:
        """Return the value of the schedule at a step."""
        warmup, decay, steps = map(self.length, ("warmup", "decay", "steps"))
        # Elapsed fraction s of the decay, which is 0 in the constant phase.
        share = ops.clip((step - (steps - decay)) / decay, 0.0, 1.0)
        falling = between(self.peak, self.final, share if self.shape == "linear" else ops.sqrt(share))
        # The maximum avoids a division by 0 for a warm-up of 0 steps.
        return ops.where(step < warmup, between(self.initial, self.peak, step / max(warmup, 1)), falling)

    def check_lengths(self, steps: Mapping[str, int], timeline: Timeline) -> None:
        """Check that warm-up and decay do not overlap."""
        room = steps["steps"] - steps["warmup"]
        self.require(steps["decay"] > 0, "decay", steps, "at least 1 step")
        self.require(room >= 0, "warmup", steps, f"no more than all {steps['steps']} steps")
        self.require(steps["decay"] <= room, "decay", steps, f"no more than the {room} steps after the warm-up")

    @property
    def end(self) -> int:
        """Step at which the value `final` is reached."""
        return self.length("steps")

    def get_config(self) -> dict[str, Any]:
        """Return the config of the schedule."""
        own = {"peak": self.peak, "initial": self.initial, "final": self.final, "shape": self.shape}
        return {**own, **super().get_config()}
