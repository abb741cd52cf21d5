"""Base class for schedules with lengths in steps, epochs or other units."""

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
    step: Number of the step: a Python number, or a tensor of any numeric dtype.

Input shape:
    Any shape.

Output shape:
    Same as the input shape. The dtype is `float32`."""


class Schedule(SharedDocstrings, keras.optimizers.schedules.LearningRateSchedule):
    """Base class for schedules, which are functions of the training step.

    A subclass passes its length arguments to this class by name, and implements `formula`. Lengths in steps are known
    immediately. Lengths in epochs, examples or percent are known once `bind` has set the timeline of a run.

    Steps are exact up to 2**53, in contrast to 2**24 in the schedules of Keras, which compute in `float32`: the formula
    is evaluated in `float64`, and only its result is rounded to `float32`.

    Attributes:
        lengths: Dict of the length arguments, as given.
        timeline: Timeline that the schedule is bound to, or `None`.
        parts: Parts of a combinator: numbers and schedules. Schedules of this package are copied.

    Example:
        >>> class Sawtooth(Schedule):
        ...     def __init__(self, height, width):
        ...         self.height = height
        ...         super().__init__(width=width)  # call it last: it calls check_lengths
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
        """Return the value of the schedule at a step, as a `float32` tensor of the same shape."""
        return ops.cast(self.formula(ops.cast(step, "float64")), "float32")

    def formula(self, step: Tensor) -> Tensor:
        """Return the `float64` value of the schedule at a `float64` step."""
        raise NotImplementedError(f"{type(self).__name__} must implement `formula`")

    def length(self, name: str) -> int:
        """Return the length with the given name, converted to steps.

        Raises:
            ValueError: If the length depends on a timeline, and none is bound.
        """
        if self._steps is None:
            raise argument_error(
                self._open[0],
                self.lengths[self._open[0]],
                "a number of steps when no timeline is bound",
                "train with `Trainer.fit`, which binds schedules, or call `schedule.bind(Timeline(steps_per_epoch=..., "
                "batch_size=..., total_steps=...))` with the values that are known",
            )
        return self._steps[name]

    @property
    def end(self) -> int | None:
        """First step from which the value is constant, or `None` if it is unknown."""
        return None

    def bind(self, timeline: Timeline) -> Self:
        """Convert all lengths, including those of inner schedules, to steps of a training run.

        If the new lengths are invalid, nothing is changed. Functions that tf.function traced before keep the previous
        lengths.

        Args:
            timeline: `Timeline` of the training run, which contains the number of steps per epoch, the batch size and
                the total number of steps.

        Returns:
            The schedule itself.

        Raises:
            ValueError: If the timeline lacks information for a length, or the lengths in steps are inconsistent.
        """
        check(isinstance(timeline, Timeline), "timeline", timeline, "a tensorsmith.core.Timeline")
        # Convert all lengths before any is assigned, so that an error changes nothing.
        found = [(each, each._in_steps(timeline)) for each in self._tree()]
        for each, steps in found:
            each.timeline, each._steps = timeline, steps
        return self

    def check_lengths(self, steps: Mapping[str, int], timeline: Timeline) -> None:
        """Raise an error if the lengths in steps are inconsistent.

        Args:
            steps: Mapping from the names of length arguments, such as `steps` and `warmup`, to the lengths in steps.
            timeline: `Timeline` of the training run, in which unknown numbers are `None`.
        """
        for name in steps:
            self.require(steps[name] > 0, name, steps, "at least 1 step")

    def require(self, fits: bool, name: str, steps: Mapping[str, int], expected: str) -> None:
        """Raise an error about the length with the given name unless `fits` is true."""
        given = self.lengths[name]
        check(fits, name, given if given == steps[name] else Verbatim(f"{given!r} ({steps[name]} steps)"), expected)

    def require_within_run(self, name: str, steps: Mapping[str, int], timeline: Timeline) -> None:
        """Raise an error if a length exceeds the number of steps in the training run."""
        total = timeline.total_steps
        self.require(total is None or steps[name] <= total, name, steps, f"no more than the {total} steps of the run")

    def get_config(self) -> dict[str, Any]:
        """Return the config of the schedule, including the step counts of the training run if they are known."""
        timeline = None if self.timeline is None else dataclasses.asdict(self.timeline)
        return {**self.lengths, "timeline": timeline}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Create a schedule from its config, including the step counts of the training run if they are stored."""
        arguments = dict(config)
        timeline = arguments.pop("timeline", None)
        schedule = cls(**arguments)
        if timeline is not None:  # parts have their own timelines
            schedule.timeline = Timeline(**timeline)
            schedule._steps = schedule._in_steps(schedule.timeline)
        return schedule

    @property
    def _open(self) -> list[str]:
        """Return the names of the lengths that are not given in steps and therefore depend on the training run."""
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
    """Return a length in serialized form for a config: a number of steps, or a string such as "2 epochs"."""
    length = f"{given.value} {given.unit}" if isinstance(given, Duration) else given
    duration = Duration.parse(length, name)
    check(duration.seconds is None, name, given, "a duration in steps, epochs, examples or percent")
    return length if isinstance(length, str) else int(length)
