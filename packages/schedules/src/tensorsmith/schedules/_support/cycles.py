"""Base class for cyclical schedules."""

import numbers
from typing import Any

from keras import ops

from tensorsmith.core import check, did_you_mean
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.arguments import above_zero, finite
from tensorsmith.schedules.schedule import Length, Schedule

MODES = ("cycle", "iterations")


class Cycles(Schedule):
    """Base class for cyclical schedules, whose values increase and decrease linearly over `step_size` steps each.

    Subclasses implement `scale`, the factor of the amplitude.

    Formula, with the step t, c = floor(1 + t / (2 * step_size)) and x = |t / step_size - 2 * c + 1|:

        value = initial + (maximal - initial) * max(0, 1 - x) * scale(c or t)
    """

    def __init__(
        self, initial_learning_rate: float, maximal_learning_rate: float, step_size: Length, scale_mode: str, name: str
    ):
        self.initial_learning_rate = finite("initial_learning_rate", initial_learning_rate)
        self.maximal_learning_rate = finite("maximal_learning_rate", maximal_learning_rate)
        check(scale_mode in MODES, "scale_mode", scale_mode, f"one of {MODES}", did_you_mean(str(scale_mode), MODES))
        self.scale_mode = scale_mode
        self.name = name
        fraction = isinstance(step_size, numbers.Real) and not isinstance(step_size, numbers.Integral)
        self._fraction = above_zero("step_size", step_size) if fraction else None  # as in TensorFlow Addons
        super().__init__(**{} if fraction else {"step_size": step_size})

    def scale(self, position: Tensor) -> Tensor:
        """Return the factor by which the amplitude is multiplied in a cycle or step, as a `float64` tensor."""
        raise NotImplementedError(f"{type(self).__name__} must implement `scale`")

    def formula(self, step: Tensor) -> Tensor:
        """Return the value of the schedule at a step."""
        size = self._fraction or self.length("step_size")
        # Index c of the cycle, from 1, and height 1 - x of the triangle.
        cycle = ops.floor(1.0 + step / (2.0 * size))
        height = ops.maximum(1.0 - ops.abs(step / size - 2.0 * cycle + 1.0), 0.0)
        height = height * self.scale(cycle if self.scale_mode == "cycle" else step)
        return self.initial_learning_rate + (self.maximal_learning_rate - self.initial_learning_rate) * height

    def get_config(self) -> dict[str, Any]:
        """Return the config of the schedule."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "maximal_learning_rate": self.maximal_learning_rate,
            "step_size": self._fraction,  # overwritten below if it is a length
            "scale_mode": self.scale_mode,
            "name": self.name,
            **super().get_config(),
        }
