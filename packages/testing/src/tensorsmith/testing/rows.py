"""Rows of the conformance table: how to make a component, what to feed it, and what it promises.

No TensorFlow here: pytest imports this file in every run, also in those without a conformance table.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Data:
    """Made-up values for one tensor, uniform in [low, high).

    Args:
        shape: Shape of one example, without the batch axis; None for a size that is the batch's.
        dtype: A float or integer type, or "bool".
        low: Smallest value.
        high: Upper limit.

    Example:
        >>> Data((7,), "int32", 0, 10)  # seven word numbers below ten
        Data(shape=(7,), dtype='int32', low=0, high=10)
    """

    shape: tuple[int | None, ...]
    dtype: str = "float32"
    low: float = -1.0
    high: float = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """What the rows of every kind have.

    Args:
        make: The component's class, or a function that makes one.
        kwargs: What to call `make` with. Values other than the defaults show whether a config keeps them.
        bad: Pairs of arguments that replace those in `kwargs` and must raise ValueError, and a part of its message.
        name: Name of the row; the class's own, unless a file has several rows of one class.
        tolerance: Largest difference that counts as equal in float32, absolute and relative.
        half_tolerance: The same in float16; bfloat16, with its three bits less, gets eight times as much.
    """

    make: Callable[..., Any] = field(kw_only=False)
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    bad: Sequence[tuple[Mapping[str, Any], str]]
    name: str = ""
    tolerance: float = 1e-5
    half_tolerance: float = 1e-2

    @property
    def title(self) -> str:
        """The row's name in reports."""
        return self.name or self.make.__name__


@dataclass(frozen=True, kw_only=True, eq=False)
class BatchRow(Row):
    """Common arguments of the rows of layers, losses and metrics.

    Args:
        bad_shapes: Triples of arguments that replace those in `kwargs`, input shapes that must then raise ValueError,
            and a part of its message. Shapes include the batch axis. There is one for each argument of a layer's
            `call`, where a size may be None; for a loss or metric there are those of targets, predictions and,
            optionally, sample weights.
    """

    bad_shapes: Sequence[tuple[Mapping[str, Any], Sequence[Any], str]] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerRow(BatchRow):
    """A layer.

    Args:
        inputs: `Data` for the one argument of its `call`, or a tuple with one for each; an argument may be a list or
            dict of `Data`.
        random: It draws random numbers in inference or in training; give it a seed in `kwargs`.
        supports_jit: XLA can compile it.
        time_axis: Axis of the inputs, the batch counted, whose size may be unknown and differ from call to call.
        passes_mask: It hands the mask it gets on to the next layer.
        uses_mask: Its output does not depend on masked time steps.
        shared_outputs: Places of outputs that are one for the whole batch, as a weight is that a layer hands out.
        exported_under: Makes the context manager in which it is exported.
        straight_through: Its gradients are by design not those of its values, as where it rounds.

    Example:
        >>> import keras
        >>> row = LayerRow(keras.layers.Dense, kwargs={"units": 3}, inputs=Data((5,)), bad=[({"units": 0}, "positive")])
        >>> row.title
        'Dense'
    """

    inputs: Any
    random: bool = False
    supports_jit: bool = True
    time_axis: int | None = None
    passes_mask: bool = False
    uses_mask: bool = False
    shared_outputs: Sequence[int] = ()
    exported_under: Callable[[], AbstractContextManager[Any]] = nullcontext
    straight_through: bool = False

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The inputs as a tuple of arguments of `call`."""
        return (self.inputs,) if isinstance(self.inputs, Data) else tuple(self.inputs)


@dataclass(frozen=True, kw_only=True, eq=False)
class LossRow(BatchRow):
    """A loss.

    Args:
        y_true: The targets.
        y_pred: The predictions.
        per_sample: A batch's loss is made of its samples', so that it does not depend on how batches are cut.
    """

    y_true: Data
    y_pred: Data
    per_sample: bool = True


@dataclass(frozen=True, kw_only=True, eq=False)
class MetricRow(BatchRow):
    """A metric of targets and predictions, or of values.

    Args:
        y_true: The targets, or the values.
        y_pred: The predictions; None for a metric of values, such as a mean.
    """

    y_true: Data
    y_pred: Data | None


@dataclass(frozen=True, kw_only=True, eq=False)
class ScheduleRow(Row):
    """A schedule.

    Args:
        steps: The steps to look at; take the corners and some beyond the end.
    """

    steps: Sequence[int]


@dataclass(frozen=True, kw_only=True, eq=False)
class OptimizerRow(Row):
    """An optimizer."""
