"""Schedule that concatenates other schedules."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from tensorsmith.core import Timeline, check, export
from tensorsmith.core.types import Tensor
from tensorsmith.schedules._support.parts import Part, end_of, part, value_at
from tensorsmith.schedules.schedule import Length, Schedule


@export
class Join(Schedule):
    """Concatenation of schedules, each of which starts at its own step 0.

    A boundary is the first step of the next schedule.

    Formula, with the step t, b_0 = 0 and the boundaries b_1, b_2, ...:

        value = schedules[i](t - b_i)    for the last i with b_i <= t

    Args:
        schedules: List of two or more elements, each of which is a schedule of this package or of Keras, or a number.
        boundaries: List of the start steps of all schedules except the first, as numbers of steps or strings such as "5
            epochs".

    {{call}}

    Raises:
        ValueError: If there are fewer than two schedules, one is neither a schedule nor a number, the number of
            boundaries is not one less than that of the schedules, a boundary is not a length, or the boundaries in
            steps are not increasing, starting from at least 1.

    Example:
        >>> from tensorsmith.schedules import ExponentialDecay, Linear
        >>> Join([Linear(0.0, 1.0, 10), 1.0, ExponentialDecay(1.0, 5)], [10, 20])([0, 5, 10, 15, 20, 25]).numpy()
        array([0. , 0.5, 1. , 1. , 1. , 0.1], dtype=float32)
    """

    def __init__(self, schedules: Sequence[Part], boundaries: Sequence[Length]):
        fits = isinstance(schedules, list | tuple) and len(schedules) > 1
        check(fits, "schedules", schedules, "a list of at least two schedules")
        self.schedules = [part(f"schedules[{position}]", each) for position, each in enumerate(schedules)]
        fits = isinstance(boundaries, list | tuple) and len(boundaries) == len(schedules) - 1
        expected = f"a list of {len(schedules) - 1} durations (one fewer than the number of schedules)"
        check(fits, "boundaries", boundaries, expected)
        self.parts = self.schedules
        super().__init__(**{f"boundaries[{position}]": each for position, each in enumerate(boundaries)})

    def formula(self, step: Tensor) -> Tensor:
        """Return the value of the schedule at a step."""
        first, *others = self.schedules
        value = value_at(first, step)
        for start, each in zip(map(self.length, self.lengths), others, strict=True):
            # From its boundary on, each schedule replaces the previous ones. It is not evaluated at negative steps.
            value = ops.where(step < start, value, value_at(each, ops.maximum(step - start, 0.0)))
        return value

    def check_lengths(self, steps: Mapping[str, int], timeline: Timeline) -> None:
        """Check that the boundaries between the schedules are increasing."""
        before = 0
        for name, start in steps.items():
            self.require(start > before, name, steps, f"more than {before} steps, where what comes before begins")
            before = start

    @property
    def end(self) -> int | None:
        """Step at which the last schedule becomes constant, or `None` if it is unknown."""
        end = end_of(self.schedules[-1])
        return None if end is None else self.length(list(self.lengths)[-1]) + end

    def get_config(self) -> dict[str, Any]:
        """Return the config of the schedule."""
        return {
            "schedules": [keras.saving.serialize_keras_object(each) for each in self.schedules],
            "boundaries": list(self.lengths.values()),
            "timeline": super().get_config()["timeline"],
        }
