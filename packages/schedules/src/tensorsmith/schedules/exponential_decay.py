"""Exponential scheduling."""

from typing import Any

from keras import ops

from tensorsmith.core import check, export
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.arguments import above_zero, finite
from tensorsmith.schedules.schedule import Length, Schedule


@export
class ExponentialDecay(Schedule):
    """Multiplies by `rate` every so many steps, evenly or at once.

    With a rate above 1 it rises, as a search for a learning rate wants it: `ExponentialDecay(1e-5, 500, rate=1e6)` goes
    from 1e-5 to 10 in 500 steps.

    Formula, with t the step, and t / steps rounded down if `staircase`:

        value = initial * rate^(t / steps)

    Source: Senior et al., "An Empirical Study of Learning Rates in Deep Neural Networks for Speech Recognition", 2013.

    Args:
        initial: Value at step 0.
        steps: How long it takes to multiply by `rate`: a number of steps, or a text such as "5 epochs".
        rate: What to multiply by, above 0.
        staircase: Whether to multiply at once when `steps` steps are over.

    {{call}}

    Raises:
        ValueError: `initial` is no finite number, `rate` none above 0, `staircase` is neither True nor False, or
            `steps` is no length of at least one step.

    Example:
        >>> ExponentialDecay(0.1, steps=20)([0, 20, 40]).numpy()
        array([0.1  , 0.01 , 0.001], dtype=float32)
    """

    def __init__(self, initial: float, steps: Length, rate: float = 0.1, staircase: bool = False):
        self.initial = finite("initial", initial)
        self.rate = above_zero("rate", rate)
        check(isinstance(staircase, bool), "staircase", staircase, "True or False")
        self.staircase = staircase
        super().__init__(steps=steps)

    def formula(self, step: Tensor) -> Tensor:
        """Value at a step."""
        times = step / self.length("steps")
        return self.initial * ops.power(self.rate, ops.floor(times) if self.staircase else times)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {"initial": self.initial, "rate": self.rate, "staircase": self.staircase, **super().get_config()}
