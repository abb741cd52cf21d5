"""What every schedule is: a function of the step, with lengths in any unit."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self, TypeAlias

import keras
from keras import ops

from tensorsmith.core import Duration, SharedDocstrings, Timeline, Verbatim, argument_error, check
from tensorsmith.core.types import Scalar, Tensor

Length: TypeAlias = int | str | Duration
CALL = """\
Call arguments:
    step: Step number: a Python number, or a tensor of any number type and shape.

Input shape:
    Any.

Output shape:
    The same as the input shape, in float32."""


class Schedule(SharedDocstrings, keras.optimizers.schedules.LearningRateSchedule):
    """A value that depends on the step and on nothing else.

    A subclass hands those of its arguments that are lengths to this class, by their names, and has a `formula`. Lengths
    in steps are known at once. Those in epochs, examples or percent are known as soon as `bind` has told what a run is
    made of.

    Steps are exact up to 2**53, where Keras' own schedules, in float32, lose count at 2**24: the formula is worked out
    in float64, and only its result is rounded to float32.

    Attributes:
        lengths: The arguments that are lengths, as given.
        timeline: What the schedule is bound to, or None.
        parts: What a combinator is made of: numbers and schedules, copies of those of this package.

    Example:
        >>> class Sawtooth(Schedule):
        ...     def __init__(self, height, width):
        ...         self.height = height
        ...         super().__init__(width=width)  # last: it calls check_lengths
        ...     def formula(self, step):
        ...         return self.height * ops.mod(step / self.length("width"), 1.0)
        ...     def get_config(self):
        ...         return {"height": self.height, **super().get_config()}
        >>> sawtooth = Sawtooth(8.0, "2 epochs")
        >>> sawtooth.bind(Timeline(steps_per_epoch=4))([0, 1, 7, 8]).numpy()
        array([0., 1., 7., 0.], dtype=float32)
        >>> Sawtooth.from_config(sawtooth.get_config())(1).numpy()
        np.float32(1.0)
    """

    parts: Sequence[Any] = ()
    shared_texts: ClassVar[Mapping[str, str]] = {"call": CALL}

    def __init__(self, **lengths: Length):
        self.lengths = {name: _plain(name, length) for name, length in lengths.items()}
        self.timeline: Timeline | None = None
        self._steps = None if self._open else self._in_steps(Timeline())

    def __call__(self, step: Scalar) -> Tensor:
        """Value at a step: float32, of the step's shape."""
        return ops.cast(self.formula(ops.cast(step, "float64")), "float32")

    def formula(self, step: Tensor) -> Tensor:
        """Value at a step, both in float64."""
        raise NotImplementedError(f"{type(self).__name__} has no formula")

    def length(self, name: str) -> int:
        """One of the lengths, in steps.

        Raises:
            ValueError: It depends on a timeline, and none is bound.
        """
        if self._steps is None:
            raise argument_error(
                self._open[0],
                self.lengths[self._open[0]],
                "a number of steps, as no timeline is bound",
                "Trainer.fit binds schedules to its run; elsewhere call schedule.bind("
                "Timeline(steps_per_epoch=..., batch_size=..., total_steps=...)), as far as these are known",
            )
        return self._steps[name]

    @property
    def end(self) -> int | None:
        """The step from which on the value stays as it is, or None if there is none."""
        return None

    def bind(self, timeline: Timeline) -> Self:
        """Works out lengths in steps, here and in all parts; with another timeline, again.

        Where the new lengths do not fit nothing is changed. What tf.function traced before keeps the old ones.

        Args:
            timeline: What the run is made of.

        Returns:
            The schedule itself.

        Raises:
            ValueError: The timeline lacks what a length needs, or in steps the lengths do not go together.
        """
        check(isinstance(timeline, Timeline), "timeline", timeline, "a tensorsmith.core.Timeline")
        found = [(each, each._in_steps(timeline)) for each in self._tree()]
        for each, steps in found:
            each.timeline, each._steps = timeline, steps
        return self

    def check_lengths(self, steps: Mapping[str, int], timeline: Timeline) -> None:
        """Refuses lengths, now in steps, that do not go together.

        Args:
            steps: The lengths by name.
            timeline: What the run is made of, as far as that is known.
        """
        for name in steps:
            self.require(steps[name] > 0, name, steps, "at least 1 step")

    def require(self, fits: bool, name: str, steps: Mapping[str, int], expected: str) -> None:
        """Raises the error about a length, shown as given and in steps, unless it fits."""
        given = self.lengths[name]
        check(fits, name, given if given == steps[name] else Verbatim(f"{given!r} ({steps[name]} steps)"), expected)

    def require_within_run(self, name: str, steps: Mapping[str, int], timeline: Timeline) -> None:
        """Raises the error about a length that is longer than the run, if it is known how long that is."""
        total = timeline.total_steps
        self.require(total is None or steps[name] <= total, name, steps, f"no more than the {total} steps of the run")

    def get_config(self) -> dict[str, Any]:
        """The lengths as given, and the timeline, so that what was saved goes on as it was."""
        timeline = None if self.timeline is None else dataclasses.asdict(self.timeline)
        return {**self.lengths, "timeline": timeline}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The schedule, bound as it was."""
        arguments = dict(config)
        timeline = arguments.pop("timeline", None)
        schedule = cls(**arguments)
        if timeline is not None:  # the parts have theirs
            schedule.timeline = Timeline(**timeline)
            schedule._steps = schedule._in_steps(schedule.timeline)
        return schedule

    @property
    def _open(self) -> list[str]:
        """The lengths that only a timeline makes steps of."""
        return [name for name, given in self.lengths.items() if Duration.parse(given).unit != "steps"]

    def _in_steps(self, timeline: Timeline) -> dict[str, int]:
        steps = {name: Duration.parse(given).steps(timeline, name) for name, given in self.lengths.items()}
        self.check_lengths(steps, timeline)
        return steps

    def _tree(self) -> Iterator["Schedule"]:
        yield self
        for part in self.parts:
            if isinstance(part, Schedule):
                yield from part._tree()


def _plain(name: str, given: Length) -> int | str:
    """A length as given, in a form that a config can hold."""
    length = f"{given.value} {given.unit}" if isinstance(given, Duration) else given
    duration = Duration.parse(length, name)
    check(duration.seconds is None, name, given, "a length in steps, epochs, examples or percent")
    return length if isinstance(length, str) else int(length)
