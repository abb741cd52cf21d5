"""A gentle beginning for any schedule."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from tensorsmith.core import Timeline, export
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.arguments import finite
from tensorsmith.schedules._support.interpolation import between
from tensorsmith.schedules._support.parts import Part, end_of, part, value_at
from tensorsmith.schedules.schedule import Length, Schedule


@export
class Warmup(Schedule):
    """A straight rise to where a schedule begins, and then that schedule from its own step 0.

    The schedule comes as much later as the warm-up takes: `Warmup(CosineDecay(0.1, "95%"), "5%")` ends with the run.
    Goyal et al. rise within the first epochs of a schedule that counts from the start of training: what it does
    after 30 epochs it does here 30 epochs after the warm-up, unless its first stretch is made shorter.

    Formula, with t the step:

        value = initial + (schedule(0) - initial) * t / steps    while t < steps
                schedule(t - steps)                              then

    Source: Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017.

    Args:
        schedule: What follows: a schedule, of this package or Keras', or a number.
        steps: How long the rise takes, maybe 0: a number of steps, or a text such as "5 epochs".
        initial: Value at step 0.

    {{call}}

    Raises:
        ValueError: `schedule` is no schedule and no number, `initial` is no finite number, or `steps` is no length, or
            one longer than the run it is bound to.

    Example:
        >>> from tensorsmith.schedules import Linear
        >>> Warmup(Linear(1.0, 0.0, steps=10), steps=4)([0, 1, 4, 9, 14]).numpy()
        array([0.  , 0.25, 1.  , 0.5 , 0.  ], dtype=float32)
    """

    def __init__(self, schedule: Part, steps: Length, initial: float = 0.0):
        self.schedule = part("schedule", schedule)
        self.initial = finite("initial", initial)
        self.parts = [self.schedule]
        super().__init__(steps=steps)

    def formula(self, step: Tensor) -> Tensor:
        """Value at a step."""
        steps = self.length("steps")
        after = value_at(self.schedule, ops.maximum(step - steps, 0.0))  # its first value until then
        return between(self.initial, after, step / steps) if steps else after

    def check_lengths(self, steps: Mapping[str, int], timeline: Timeline) -> None:
        """The warm-up lies within the run."""
        self.require_within_run("steps", steps, timeline)

    @property
    def end(self) -> int | None:
        """That of the schedule, later."""
        end = end_of(self.schedule)
        return None if end is None else self.length("steps") + end

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        own = {"schedule": keras.saving.serialize_keras_object(self.schedule), "initial": self.initial}
        return {**own, **super().get_config()}
