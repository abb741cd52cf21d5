"""Linear warm-up for any schedule."""

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
    """Linear warm-up to the initial value of a schedule, followed by the schedule.

    The schedule is delayed by the warm-up: `Warmup(CosineDecay(0.1, "95%"), "5%")` ends with the run. In Goyal et al.,
    the warm-up replaces the first epochs of a schedule that counts from the start of training. Here, a change after 30
    epochs of the schedule happens 30 epochs after the warm-up, unless the first part of the schedule is shortened.

    Formula, with the step t:

        value = initial + (schedule(0) - initial) * t / steps    if t < steps
                schedule(t - steps)                              otherwise

    Source: Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017.

    Args:
        schedule: Schedule that follows the warm-up: a schedule of this package or of Keras, or a number.
        steps: Length of the warm-up, which may be 0, as a number of steps or a string such as "5 epochs".
        initial: Value at step 0.

    {{call}}

    Raises:
        ValueError: If `schedule` is neither a schedule nor a number, `initial` is not a finite number, or `steps` is
            not a length or exceeds the run that the schedule is bound to.

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
        """Return the value of the schedule at a step."""
        steps = self.length("steps")
        after = value_at(self.schedule, ops.maximum(step - steps, 0.0))  # the initial value during the warm-up
        return between(self.initial, after, step / steps) if steps else after

    def check_lengths(self, steps: Mapping[str, int], timeline: Timeline) -> None:
        """Check that the warm-up is not longer than the run."""
        self.require_within_run("steps", steps, timeline)

    @property
    def end(self) -> int | None:
        """Step at which the schedule after the warm-up becomes constant, or `None` if it is unknown."""
        end = end_of(self.schedule)
        return None if end is None else self.length("steps") + end

    def get_config(self) -> dict[str, Any]:
        """Return the config of the schedule."""
        own = {"schedule": keras.saving.serialize_keras_object(self.schedule), "initial": self.initial}
        return {**own, **super().get_config()}
