"""Rows of the conformance table, which describe how to create and call a component and which properties it has.

This module does not import TensorFlow, because pytest loads it in every run, with or without a conformance table.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Data:
    """Random values for one tensor, uniform in [low, high).

    Args:
        shape: Shape of one example, without the batch axis. `None` denotes a size equal to the batch size.
        dtype: A float or integer dtype, or "bool".
        low: Lower bound, inclusive.
        high: Upper bound, exclusive.

    Example:
        >>> Data((7,), "int32", 0, 10)  # seven token indices below 10
        Data(shape=(7,), dtype='int32', low=0, high=10)
    """

    shape: tuple[int | None, ...]
    dtype: str = "float32"
    low: float = -1.0
    high: float = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """Base class of all rows.

    Args:
        make: The class of the component, or a function that creates one.
        kwargs: Keyword arguments of `make`. Values other than the defaults reveal arguments that a config omits.
        bad: Sequence of pairs: keyword arguments that override `kwargs` and must raise ValueError, and a part of its
            message.
        name: Name of the row. Defaults to the name of the class. Required if a file has several rows of one class.
        tolerance: Absolute and relative tolerance in float32.
        half_tolerance: Tolerance in float16. Eight times as much is allowed in bfloat16, which has three bits less
            precision.
    """

    make: Callable[..., Any] = field(kw_only=False)
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    bad: Sequence[tuple[Mapping[str, Any], str]]
    name: str = ""
    tolerance: float = 1e-5
    half_tolerance: float = 1e-2

    @property
    def title(self) -> str:
        """Name of the row in reports."""
        return self.name or self.make.__name__


@dataclass(frozen=True, kw_only=True, eq=False)
class BatchRow(Row):
    """Base class of rows of layers, losses and metrics.

    Args:
        bad_shapes: Sequence of triples: keyword arguments that override `kwargs`, input shapes that must raise
            ValueError, and a part of its message. Shapes include the batch axis. For a layer, there is one shape for
            each argument of `call`, and sizes may be `None`. For a loss or metric, the shapes are those of targets,
            predictions and, optionally, sample weights.
    """

    bad_shapes: Sequence[tuple[Mapping[str, Any], Sequence[Any], str]] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerRow(BatchRow):
    """Row of a layer.

    Args:
        inputs: `Data` for the only argument of `call`, or a tuple with an entry for each argument. An entry may also be
            a list or dict of `Data`.
        random: If `True`, the layer uses random numbers in inference or training. Pass a seed in `kwargs`.
        supports_jit: If `True`, XLA can compile the layer.
        time_axis: Axis of the inputs, counting the batch axis, whose size may be unknown and may vary between calls.
        passes_mask: If `True`, the layer propagates its mask to the next layer.
        uses_mask: If `True`, the output does not depend on masked time steps.
        shared_outputs: Indices of outputs without a batch axis, such as a weight that the layer returns.
        exported_under: Function that returns the context manager in which the layer is exported.
        straight_through: If `True`, the gradients differ from those of the outputs by design, for example because of
            rounding.

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
        """Tuple of the arguments of `call`."""
        return (self.inputs,) if isinstance(self.inputs, Data) else tuple(self.inputs)


@dataclass(frozen=True, kw_only=True, eq=False)
class LossRow(BatchRow):
    """Row of a loss.

    Args:
        y_true: `Data` of the targets.
        y_pred: `Data` of the predictions.
        per_sample: If `True`, the loss is computed per sample, so that it does not depend on how samples are batched.
    """

    y_true: Data
    y_pred: Data
    per_sample: bool = True


@dataclass(frozen=True, kw_only=True, eq=False)
class MetricRow(BatchRow):
    """Row of a metric, either of targets and predictions or of values.

    Args:
        y_true: `Data` of the targets or values.
        y_pred: `Data` of the predictions, or `None` for a metric of values, such as a mean.
    """

    y_true: Data
    y_pred: Data | None


@dataclass(frozen=True, kw_only=True, eq=False)
class ScheduleRow(Row):
    """Row of a learning rate schedule.

    Args:
        steps: Steps at which to evaluate the schedule. Include its breakpoints and some steps beyond its end.
    """

    steps: Sequence[int]


@dataclass(frozen=True, kw_only=True, eq=False)
class OptimizerRow(Row):
    """Row of an optimizer."""
