"""Up, along and down."""

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
    """Warm-up, stable, decay: up to `peak`, along at it, and down at the end.

    Until the decay begins nothing depends on how long the run will be, so that one run can be stopped at several
    lengths, with a decay from a checkpoint for each.

    Formula, with t the step and s = max(t - (steps - decay), 0) / decay, no more than 1:

        value = initial + (peak - initial) * t / warmup     while t < warmup
                final + (peak - final) * (1 - s)            then, if the shape is "linear"
                final + (peak - final) * (1 - sqrt(s))      then, if the shape is "1-sqrt"

    Source: Hu et al., "MiniCPM", 2024, who call it WSD; for the shapes: Hägele et al., "Scaling Laws and
    Compute-Optimal Training Beyond Fixed Training Durations", 2024.

    Args:
        peak: Value between warm-up and decay.
        warmup: How long the warm-up takes, maybe 0: a number of steps, or a text such as "5 epochs".
        decay: How long the decay takes.
        steps: How long everything takes.
        initial: Value at step 0.
        final: Value from the end on.
        shape: How it decays, "linear" or "1-sqrt".

    {{call}}

    Raises:
        ValueError: A value is no finite number, a length is no length, `decay` is below one step, warm-up and decay
            overlap, or there is no such shape.

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
        """Value at a step."""
        warmup, decay, steps = map(self.length, ("warmup", "decay", "steps"))
        share = ops.clip((step - (steps - decay)) / decay, 0.0, 1.0)
        falling = between(self.peak, self.final, share if self.shape == "linear" else ops.sqrt(share))
        return ops.where(step < warmup, between(self.initial, self.peak, step / max(warmup, 1)), falling)

    def check_lengths(self, steps: Mapping[str, int], timeline: Timeline) -> None:
        """Warm-up and decay fit beside each other."""
        room = steps["steps"] - steps["warmup"]
        self.require(steps["decay"] > 0, "decay", steps, "at least 1 step")
        self.require(room >= 0, "warmup", steps, f"no more than all {steps['steps']} steps")
        self.require(steps["decay"] <= room, "decay", steps, f"no more than the {room} steps after the warm-up")

    @property
    def end(self) -> int:
        """Where `final` is reached."""
        return self.length("steps")

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        own = {"peak": self.peak, "initial": self.initial, "final": self.final, "shape": self.shape}
        return {**own, **super().get_config()}
