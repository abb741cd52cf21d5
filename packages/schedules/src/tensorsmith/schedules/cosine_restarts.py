"""Cosine decay schedule with warm restarts."""

import math
from typing import Any

from keras import ops

from tensorsmith.core import check, export
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.arguments import above_zero, finite
from tensorsmith.schedules.schedule import Length, Schedule


@export
class CosineRestarts(Schedule):
    """Cosine decay from `initial` to `final` with warm restarts and, by default, increasing periods.

    A restart is the first step of its period. Periods have their exact lengths, which are not integers if `t_mul` is
    not an integer.

    Formula, with period i of first_steps * t_mul^i steps, i = 0, 1, ..., and the elapsed fraction s of the period:

        value = final + (initial - final) * m_mul^i * (1 + cos(pi * s)) / 2

    Source: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017; there m_mul is 1.

    Args:
        initial: Value at step 0.
        first_steps: Length of the first period, as a number of steps or a string such as "5 epochs".
        t_mul: Factor by which the length of the period is multiplied after each period, `>= 1`.
        m_mul: Factor by which the amplitude is multiplied after each period, `> 0`.
        final: Value at the end of each period.

    {{call}}

    Raises:
        ValueError: If a value is not a finite number, `t_mul` is less than 1, `m_mul` is not positive, or `first_steps`
            is not a length of at least one step.

    Example:
        >>> CosineRestarts(0.8, first_steps=100, m_mul=0.5)([0, 50, 100, 200, 300, 700]).numpy()
        array([0.8, 0.4, 0.4, 0.2, 0.2, 0.1], dtype=float32)
    """

    def __init__(self, initial: float, first_steps: Length, t_mul: float = 2.0, m_mul: float = 1.0, final: float = 0.0):
        self.initial = finite("initial", initial)
        self.t_mul = above_zero("t_mul", t_mul)
        check(self.t_mul >= 1, "t_mul", t_mul, "a number >= 1")
        self.m_mul = above_zero("m_mul", m_mul)
        self.final = finite("final", final)
        super().__init__(first_steps=first_steps)

    def formula(self, step: Tensor) -> Tensor:
        """Return the value of the schedule at a step."""
        # Time in units of the first period, index i of the period, and elapsed fraction s of the period.
        time = step / self.length("first_steps")
        wave = self._wave(time)
        share = (time - self._start(wave)) / ops.power(self.t_mul, wave)
        height = (self.initial - self.final) * ops.power(self.m_mul, wave)
        return self.final + height * (1.0 + ops.cos(math.pi * share)) / 2

    def _start(self, wave: Tensor) -> Tensor:
        """Return the start of a period, in units of the length of the first period."""
        # Sum of a geometric series: 1 + t_mul + ... + t_mul^(wave - 1).
        return wave if self.t_mul == 1 else (ops.power(self.t_mul, wave) - 1.0) / (self.t_mul - 1.0)

    def _wave(self, time: Tensor) -> Tensor:
        """Return the index of the period that contains a time in units of the length of the first period."""
        if self.t_mul == 1:
            return ops.floor(time)
        # Inverse of `_start`, rounded down to the period that has begun.
        wave = ops.log(1.0 + time * (self.t_mul - 1.0)) / math.log(self.t_mul)
        return ops.floor(wave + 1e-12)  # rounding errors may make it too small at a restart

    def get_config(self) -> dict[str, Any]:
        """Return the config of the schedule."""
        own = {"initial": self.initial, "t_mul": self.t_mul, "m_mul": self.m_mul, "final": self.final}
        return {**own, **super().get_config()}
