"""Functions that create components and their inputs, and record their outputs."""

import inspect
from collections.abc import Callable
from functools import lru_cache, singledispatch
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.core.types import Gradient
from tensorsmith.testing.comparing import Observations, named
from tensorsmith.testing.rows import Data, LayerRow, LossRow, MetricRow, ModelRow, OptimizerRow, Row, ScheduleRow

BATCH = 4
Through = Callable[[Callable[..., Any]], Callable[..., Any]]


def make(row: Row) -> Any:
    """Returns a new component for a row. Components of the same row are identical, including their random numbers."""
    keras.utils.set_random_seed(20)
    return row.make(**row.kwargs)


def draw(data: Data, batch: int, rng: np.random.Generator) -> np.ndarray:
    """Returns a batch of random values that conform to a `Data` object."""
    shape = (batch, *(batch if size is None else size for size in data.shape))
    if data.dtype == "bool":
        return rng.random(shape) < 0.5
    if np.issubdtype(np.dtype(data.dtype), np.integer):
        return rng.integers(int(data.low), int(data.high), shape).astype(data.dtype)
    return rng.uniform(data.low, data.high, shape).astype(data.dtype)


@singledispatch
def examples(row: Row, batch: int = BATCH) -> tuple[Any, ...]:
    """Returns the input arrays for calls of the component of a row."""
    raise TypeError(f"unknown type of row: {row!r}")


@examples.register
def _(row: LayerRow, batch: int = BATCH) -> tuple[Any, ...]:
    rng = np.random.default_rng(21)
    return keras.tree.map_structure(lambda data: draw(data, batch, rng), row.arguments)


@examples.register
def _(row: ModelRow, batch: int = BATCH) -> tuple[Any, ...]:
    rng = np.random.default_rng(21)
    return (keras.tree.map_structure(lambda data: draw(data, batch, rng), row.inputs),)


@examples.register(LossRow)
@examples.register(MetricRow)
def _(row: LossRow | MetricRow, batch: int = BATCH) -> tuple[Any, ...]:
    rng = np.random.default_rng(21)
    weights = Data((), low=0.1, high=2.0)
    return tuple(draw(data, batch, rng) for data in (row.y_true, row.y_pred, weights) if data)


@examples.register
def _(row: ScheduleRow, batch: int = BATCH) -> tuple[Any, ...]:
    return (np.array(row.steps, "int64"),)


@examples.register
def _(row: OptimizerRow, batch: int = BATCH) -> tuple[Any, ...]:
    return (np.linspace(-1.0, 2.0, 6, dtype="float32"),)


@singledispatch
def prepare(row: Row, component: Any) -> Any:
    """Returns the built component with perturbed weights, because initial weights may consist of zeros and ones."""
    return component


@prepare.register
def _(row: LayerRow, component: Any) -> Any:
    shapes = keras.tree.map_structure(lambda array: keras.KerasTensor(array.shape, array.dtype.name), examples(row))
    row.outputs(component, *shapes)
    rng = np.random.default_rng(22)
    for weight in component.trainable_variables:
        weight.assign(weight + rng.uniform(0.0, 0.1, weight.shape).astype("float32"))
    return component


def ready(row: Row) -> Any:
    """Returns a new component for a row, after building it."""
    return prepare(row, make(row))


@singledispatch
def functions(row: Row, component: Any) -> dict[str, Callable[..., Any]]:
    """Returns a dict that maps descriptions to functions, each of which calls the component in a different way."""
    raise TypeError(f"unknown type of row: {row!r}")


@functions.register
def _(row: LayerRow, component: Any) -> dict[str, Callable[..., Any]]:
    if "training" not in inspect.signature(component.call).parameters:
        return {"call": lambda *inputs: row.outputs(component, *inputs)}
    return {
        "training=False": lambda *inputs: row.outputs(component, *inputs, training=False),
        "training=True": lambda *inputs: row.outputs(component, *inputs, training=True),
    }


@functions.register
def _(row: ModelRow, component: Any) -> dict[str, Callable[..., Any]]:
    return {"call": lambda inputs: component(inputs, training=False)}


@functions.register
def _(row: LossRow, component: Any) -> dict[str, Callable[..., Any]]:
    return {
        "loss": lambda y_true, y_pred, weights: component(y_true, y_pred),
        "weighted loss": lambda y_true, y_pred, weights: component(y_true, y_pred, sample_weight=weights),
    }


@functions.register
def _(row: MetricRow, component: Any) -> dict[str, Callable[..., Any]]:
    def result(*arguments: Any) -> Any:
        component.update_state(*arguments)
        return component.result()

    return {"result": result}


@functions.register
def _(row: ScheduleRow, component: Any) -> dict[str, Callable[..., Any]]:
    return {"value": lambda steps: [component(step) for step in tf.unstack(steps)]}


@functions.register
def _(row: OptimizerRow, component: Any) -> dict[str, Callable[..., Any]]:
    variable = keras.Variable(np.linspace(1.0, -1.0, 6), dtype="float32")
    component.build([variable])

    def descend(gradient: Gradient) -> Any:
        component.apply([gradient])
        return keras.ops.convert_to_tensor(variable)

    return {"variable": descend}


def observe(
    row: Row, component: Any, arguments: tuple[Any, ...], through: Through = lambda function: function, calls: int = 2
) -> Observations:
    """Returns the outputs of repeated calls to a component, which may change its state.

    Args:
        row: Conformance table row of the component.
        component: Component to call. A component with state must not have been called before.
        arguments: Tuple of the arguments that are passed to `call` and the other functions of the component.
        through: Function that wraps the functions of the component before they are called, such as `tf.function`.
        calls: Number of times that each function is called.
    """
    tensors = keras.tree.map_structure(tf.convert_to_tensor, arguments)
    seen: Observations = {}
    for way, function in functions(row, component).items():
        wrapped = through(function)
        for call in range(1, calls + 1):
            seen.update(named(f"{way}, call {call}", wrapped(*tensors)))
    return seen


@lru_cache(maxsize=1)
def reference(row: Row) -> Observations:
    """Returns the eager outputs of a new component for a row. They are cached for use in several checks."""
    return observe(row, ready(row), examples(row))
