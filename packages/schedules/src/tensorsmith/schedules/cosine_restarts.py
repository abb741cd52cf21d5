"""Half waves down, one after the other."""

import math
from typing import Any

from keras import ops

from tensorsmith.core import check, export
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.arguments import above_zero, finite
from tensorsmith.schedules.schedule import Length, Schedule


@export
class CosineRestarts(Schedule):
    """Falls from `initial` to `final` along half a cosine wave, jumps up, and falls again, as a rule more slowly.

    The step of a restart is the first of its wave. Waves keep their exact lengths, which with a `t_mul` that is no
    whole number are no whole numbers of steps.

    Formula, with wave i of first_steps * t_mul^i steps, i = 0, 1, ..., and s the share of it that is over:

        value = final + (initial - final) * m_mul^i * (1 + cos(pi * s)) / 2

    Source: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017; there m_mul is 1.

    Args:
        initial: Value at step 0.
        first_steps: Length of the first wave: a number of steps, or a text such as "5 epochs".
        t_mul: How much longer each wave is than the one before, 1 or more.
        m_mul: How much higher each wave begins above `final` than the one before, above 0.
        final: What each wave falls to.

    {{call}}

    Raises:
        ValueError: A value is no finite number, `t_mul` is below 1, `m_mul` is not above 0, or `first_steps` is no
            length of at least one step.

    Example:
        >>> CosineRestarts(0.8, first_steps=100, m_mul=0.5)([0, 50, 100, 200, 300, 700]).numpy()
        array([0.8, 0.4, 0.4, 0.2, 0.2, 0.1], dtype=float32)
    """

    def __init__(self, initial: float, first_steps: Length, t_mul: float = 2.0, m_mul: float = 1.0, final: float = 0.0):
        self.initial = finite("initial", initial)
        self.t_mul = above_zero("t_mul", t_mul)
        check(self.t_mul >= 1, "t_mul", t_mul, "a number of 1 or more")
        self.m_mul = above_zero("m_mul", m_mul)
        self.final = finite("final", final)
        super().__init__(first_steps=first_steps)

    def formula(self, step: Tensor) -> Tensor:
        """Value at a step."""
        time = step / self.length("first_steps")
        wave = self._wave(time)
        share = (time - self._start(wave)) / ops.power(self.t_mul, wave)
        height = (self.initial - self.final) * ops.power(self.m_mul, wave)
        return self.final + height * (1.0 + ops.cos(math.pi * share)) / 2

    def _start(self, wave: Tensor) -> Tensor:
        """When a wave begins, counted in first waves."""
        return wave if self.t_mul == 1 else (ops.power(self.t_mul, wave) - 1.0) / (self.t_mul - 1.0)

    def _wave(self, time: Tensor) -> Tensor:
        """The number of the wave that a time belongs to."""
        if self.t_mul == 1:
            return ops.floor(time)
        wave = ops.log(1.0 + time * (self.t_mul - 1.0)) / math.log(self.t_mul)
        return ops.floor(wave + 1e-12)  # at a restart it may be too small by its last digits

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        own = {"initial": self.initial, "t_mul": self.t_mul, "m_mul": self.m_mul, "final": self.final}
        return {**own, **super().get_config()}
