"""Conformance checks for dimensions that are unknown during tracing."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.testing.comparing import expect_same, named
from tensorsmith.testing.errors import expect
from tensorsmith.testing.functional import functional
from tensorsmith.testing.rows import LayerRow, LossRow, MetricRow
from tensorsmith.testing.using import examples, functions, ready

HINT = "Use keras.ops.shape(x) or -1 instead of x.shape for unknown sizes."


def unknown_batch_size(row: LayerRow | LossRow | MetricRow) -> None:
    """Checks that a component supports an unknown batch size and batches of any size."""
    if isinstance(row, LayerRow):
        _expect_unknown_batch(row, functional(row, ready(row)))
    batches = [examples(row, batch=batch) for batch in (3, 1)]
    _expect_same(row, batches, ["a batch of 3", "a batch of 1"])


def unknown_time_size(row: LayerRow) -> None:
    """Checks that a layer supports an unknown number of time steps and batches of sequences of any length and size."""
    _expect_unknown_batch(row, functional(row, ready(row), time=None))
    axis, sizes = row.time_axis or 0, ((3, 0), (1, -2), (2, 3))
    runs = [_longer(examples(row, batch=batch), axis, steps) for batch, steps in sizes]
    _expect_same(row, runs, ["the time steps of the row", "two fewer in a batch of 1", "three more"])


def _expect_unknown_batch(row: LayerRow, model: keras.Model) -> None:
    for position, output in enumerate(model.outputs):
        expect(
            output.shape[0] is None or position in row.shared_outputs,
            f"with keras.Input of unknown batch size the output has the shape {output.shape}. {HINT}",
        )


def _longer(arguments: Any, axis: int, steps: int) -> Any:
    """Returns arrays with `steps` additional entries along an axis, or with fewer entries if `steps` is negative."""

    def resized(array: np.ndarray) -> np.ndarray:
        size = array.shape[axis]
        return np.take(array, np.arange(max(1, size + steps)) % size, axis=axis)

    return keras.tree.map_structure(resized, arguments)


def _expect_same(row: Any, runs: list[Any], names: list[str]) -> None:
    """Compares eager outputs for inputs of several sizes with the outputs of a function that is traced only once."""

    def spec(array: np.ndarray, *others: np.ndarray) -> tf.TensorSpec:
        shapes = zip(array.shape, *(other.shape for other in others), strict=True)
        return tf.TensorSpec([sizes[0] if len(set(sizes)) == 1 else None for sizes in shapes], array.dtype)

    signature = keras.tree.map_structure(spec, *runs)
    ways, traced_ways = (functions(row, ready(row)) for _ in range(2))
    for way, function in ways.items():
        traced = tf.function(traced_ways[way], input_signature=signature)
        for name, arguments in zip(names, runs, strict=True):
            tensors = keras.tree.map_structure(tf.convert_to_tensor, arguments)
            expect_same(
                named(way, function(*tensors)),
                named(way, traced(*tensors)),
                row.tolerance,
                f"known and unknown size, given {name},",
                HINT,
            )
