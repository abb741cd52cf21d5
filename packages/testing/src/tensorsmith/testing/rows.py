"""Rows of the conformance table. Each row specifies the properties, the arguments and the inputs of a component.

This module does not import TensorFlow, because pytest loads it in every run, with or without a conformance table.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Data:
    """Specification of random tensor values, which are distributed uniformly in the interval [low, high).

    Args:
        shape: Shape of one example, without the batch axis. Dimensions that are `None` are replaced by the batch size.
        dtype: Float or integer dtype, or "bool".
        low: Lower bound of the random values, inclusive.
        high: Upper bound of the random values, exclusive.

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
    """Base class for the rows of all component types.

    Args:
        make: Class of the component, or a function that creates a component.
        kwargs: Keyword arguments of `make`. Use values that differ from the defaults, to detect arguments that a config
            omits.
        bad: Sequence of pairs of a dict and a string. The dict contains keyword arguments that override `kwargs` and
            must raise ValueError; the string must be part of the error message. May be omitted.
        name: Name of the row. Defaults to the name of the class. Required if a conformance file has several rows for
            the same class.
        tolerance: Absolute and relative tolerance in float32.
        half_tolerance: Absolute and relative tolerance in float16. The tolerance in bfloat16, which has three fewer
            bits of precision, is eight times as large.
        supports_numpy_scalars: If `True`, arguments may be NumPy scalars instead of Python numbers.
        slow: If `True`, all checks of the row have the pytest marker `slow`.
    """

    make: Callable[..., Any] = field(kw_only=False)
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    bad: Sequence[tuple[Mapping[str, Any], str]] = ()
    name: str = ""
    tolerance: float = 1e-5
    half_tolerance: float = 1e-2
    supports_numpy_scalars: bool = True
    slow: bool = False

    @property
    def title(self) -> str:
        """Name of the row in test reports."""
        return self.name or self.make.__name__


@dataclass(frozen=True, kw_only=True, eq=False)
class BatchRow(Row):
    """Base class for the rows of layers, losses and metrics.

    Args:
        bad_shapes: Sequence of triples. A triple contains keyword arguments that override `kwargs`, input shapes for
            which the component must raise ValueError, and a substring of the error message. Shapes include the batch
            axis. For a layer, there is one shape per argument of `call`, and dimensions may be `None`. For a loss or
            metric, there is one shape for the targets, one for the predictions and, optionally, one for the sample
            weights.
    """

    bad_shapes: Sequence[tuple[Mapping[str, Any], Sequence[Any], str]] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerRow(BatchRow):
    """Conformance table row for a layer.

    Args:
        inputs: `Data` for the only argument of `call`, or a tuple with one entry per argument. An entry may also be a
            list or dict of `Data`.
        random: If `True`, the layer uses random numbers in inference or training. Pass a seed in `kwargs`.
        supports_jit: If `True`, XLA can compile the layer.
        safe_mode: If `True`, saved models with the layer are loaded in the safe mode of Keras. `False` for a layer that
            refuses it, because its config refers to code.
        time_axis: Index of the time axis of the inputs, where the batch axis has index 0. The size of the time axis may
            be unknown and may vary between calls.
        passes_mask: If `True`, the layer passes its mask on to the next layer.
        uses_mask: If `True`, the output does not depend on masked time steps.
        shared_outputs: Indices of outputs without a batch axis, such as a weight that the layer returns.
        supports_integers: If `True`, inputs may be integers instead of floats.
        straight_through: If `True`, the gradients intentionally differ from the derivatives of the outputs, for example
            because of rounding.
        call: Function of the layer, its inputs and keyword arguments that calls the layer. If `None`, the inputs are
            the positional arguments of the call.

    Example:
        >>> import keras
        >>> row = LayerRow(keras.layers.Dense, kwargs={"units": 3}, inputs=Data((5,)), bad=[({"units": 0}, "positive")])
        >>> row.title
        'Dense'
    """

    inputs: Any
    random: bool = False
    supports_jit: bool = True
    safe_mode: bool = True
    time_axis: int | None = None
    passes_mask: bool = False
    uses_mask: bool = False
    shared_outputs: Sequence[int] = ()
    supports_integers: bool = True
    straight_through: bool = False
    call: Callable[..., Any] | None = None

    @property
    def arguments(self) -> tuple[Any, ...]:
        """Arguments of `call`, as a tuple."""
        return (self.inputs,) if isinstance(self.inputs, Data) else tuple(self.inputs)

    def outputs(self, layer: Callable[..., Any], *inputs: Any, **options: Any) -> Any:
        """Returns the outputs of a layer for inputs, which are arrays or tensors in the structure of `arguments`."""
        return layer(*inputs, **options) if self.call is None else self.call(layer, *inputs, **options)


@dataclass(frozen=True, kw_only=True, eq=False)
class LossRow(BatchRow):
    """Conformance table row for a loss.

    Args:
        y_true: `Data` that specifies the targets.
        y_pred: `Data` that specifies the predictions.
        per_sample: If `True`, the loss is computed per sample and does not depend on the composition of batches.
        compares_shapes: If `True`, targets and predictions of different batch sizes raise an error.
    """

    y_true: Data
    y_pred: Data
    per_sample: bool = True
    compares_shapes: bool = True


@dataclass(frozen=True, kw_only=True, eq=False)
class MetricRow(BatchRow):
    """Conformance table row for a metric that compares targets with predictions, or aggregates values.

    Args:
        y_true: `Data` that specifies the targets or values.
        y_pred: `Data` that specifies the predictions, or `None` for a metric of values, such as a mean.
        weighted: If `True`, `update_state` has an argument `sample_weight`.
        compares_shapes: If `True`, targets, predictions and sample weights of different batch sizes raise an error.
    """

    y_true: Data
    y_pred: Data | None
    weighted: bool = True
    compares_shapes: bool = True


@dataclass(frozen=True, kw_only=True, eq=False)
class ScheduleRow(Row):
    """Conformance table row for a learning rate schedule.

    Args:
        steps: Steps at which the schedule is evaluated. Include the steps at which the shape of the schedule changes,
            and some steps after the end of the schedule.
    """

    steps: Sequence[int]


@dataclass(frozen=True, kw_only=True, eq=False)
class OptimizerRow(Row):
    """Conformance table row for an optimizer."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelRow(Row):
    """Conformance table row for a function that builds a functional or Sequential model.

    Args:
        inputs: `Data` that specifies the input, of the shape that `kwargs` determine, or a list or dict of `Data`.
        counts: Sequence of pairs of a dict and an integer. The dict contains all keyword arguments of a model, and the
            integer is its published number of trainable parameters. May be omitted.
        another_size: Keyword arguments that override `kwargs`, with which the model accepts images of other sizes, such
            as `{"input_shape": (None, None, 3)}`, or sequences of other lengths. If `None`, the model must refuse other
            sizes with a `ValueError` that names the size.

    Example:
        >>> import keras
        >>> def build(units):
        ...     return keras.Sequential([keras.Input((5,)), keras.layers.Dense(units)])
        >>> ModelRow(build, kwargs={"units": 3}, inputs=Data((5,)), counts=[({"units": 10}, 60)]).title
        'build'
    """

    inputs: Any
    counts: Sequence[tuple[Mapping[str, Any], int]] = ()
    another_size: Mapping[str, Any] | None = None
