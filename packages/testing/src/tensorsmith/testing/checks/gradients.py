"""Conformance check for gradients, by comparison with finite differences."""

from collections.abc import Callable
from functools import singledispatch
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.testing.checks.precision import policy
from tensorsmith.testing.errors import expect
from tensorsmith.testing.rows import LayerRow, LossRow, Row
from tensorsmith.testing.using import examples, functions, ready

# Step size and tolerance: the error of a central difference is about step**2 + precision / step.
STEPS = {"float64": (1e-5, 1e-6), "float32": (1e-2, 2e-2)}


@singledispatch
def gradients(row: Row) -> None:
    """Compares the gradients of inputs and weights with finite differences, in float64 if it is supported."""
    raise TypeError(f"unknown type of row: {row!r}")


@gradients.register
def _(row: LayerRow) -> None:
    layer, arguments, dtype = _widest(row)
    flat = keras.tree.flatten(arguments)
    floats = [position for position, tensor in enumerate(flat) if tensor.dtype.is_floating]
    state = [(variable, variable.numpy()) for variable in layer.variables]
    for way, function in functions(row, layer).items():

        def outputs(points: list[Any], function: Callable[..., Any] = function) -> list[Any]:
            for variable, value in state:
                variable.assign(value)  # restores random state and moving averages
            for variable, point in zip(layer.trainable_variables, points[len(floats) :], strict=True):
                variable.assign(point)
            tensors = list(flat)
            for position, point in zip(floats, points, strict=False):
                tensors[position] = point
            return keras.tree.flatten(function(*keras.tree.pack_sequence_as(arguments, tensors)))

        names = [f"input {position}" for position in floats] + [weight.path for weight in layer.trainable_variables]
        start = [flat[position] for position in floats] + [
            tf.constant(weight.numpy()) for weight in layer.trainable_variables
        ]
        watched = [flat[position] for position in floats] + [weight.value for weight in layer.trainable_variables]
        _expect_gradients(outputs, start, watched, names, way, dtype)


@gradients.register
def _(row: LossRow) -> None:
    loss = row.make(**{**row.kwargs, "dtype": "float64"})
    y_true, y_pred, _ = examples(row)
    start = [tf.constant(y_pred, "float64")]
    _expect_gradients(lambda points: [loss(y_true, points[0])], start, start, ["y_pred"], "loss", "float64")


def _widest(row: LayerRow) -> tuple[Any, Any, str]:
    """Returns the layer and its arguments in float64, or in float32 if float64 is not supported."""

    def cast(dtype: str) -> Any:
        def tensor(array: np.ndarray) -> tf.Tensor:
            return tf.constant(array, dtype if np.issubdtype(array.dtype, np.floating) else array.dtype)

        return keras.tree.map_structure(tensor, examples(row))

    try:
        with policy("float64"):
            layer = ready(row)
            outputs = keras.tree.flatten(row.outputs(layer, *cast("float64")))
        if all(output.dtype != "float32" for output in outputs):
            return layer, cast("float64"), "float64"
    except (TypeError, ValueError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError):
        pass  # other errors are raised again in float32
    return ready(row), cast("float32"), "float32"


def _expect_gradients(
    outputs: Callable[[list[Any]], list[Any]],
    start: list[Any],
    watched: list[Any],
    names: list[str],
    way: str,
    dtype: str,
) -> None:
    """Compares derivatives of a random linear function of the outputs with finite differences."""
    rng = np.random.default_rng(24)
    step, tolerance = STEPS[dtype]
    mixes: list[np.ndarray] = []

    def mixed(points: list[Any]) -> Any:
        floats = [value for value in outputs(points) if tf.as_dtype(value.dtype).is_floating]
        if not mixes:
            mixes.extend(rng.uniform(0.5, 1.5, value.shape) for value in floats)
        parts = [tf.reduce_sum(tf.cast(mix, v.dtype) * v) for mix, v in zip(mixes, floats, strict=True)]
        return tf.add_n(parts or [tf.zeros([], dtype)])  # all outputs may be integers

    with tf.GradientTape() as tape:
        tape.watch(watched)
        value = mixed(start)
    slopes = tape.gradient(value, watched)
    for position, (name, slope) in enumerate(zip(names, slopes, strict=True)):
        gradient = np.zeros(start[position].shape) if slope is None else tf.convert_to_tensor(slope).numpy()
        # A random direction involves all entries, so one directional derivative suffices to detect a wrong entry.
        direction = rng.normal(size=gradient.shape)
        direction /= max(1.0, float(np.linalg.norm(direction)))
        ahead, behind = (
            mixed(
                [*start[:position], start[position] + tf.cast(sign * step * direction, dtype), *start[position + 1 :]]
            )
            for sign in (1.0, -1.0)
        )
        measured = (float(ahead) - float(behind)) / (2 * step)
        claimed = float(np.sum(gradient * direction))
        expect(
            abs(measured - claimed) <= tolerance * max(1.0, abs(measured)),
            f"the gradient for {name} ({way}, {dtype}) claims a slope of {claimed:.7g} where finite differences "
            f"find {measured:.7g}. Fix the custom gradient, or the operation that stops it.",
        )
