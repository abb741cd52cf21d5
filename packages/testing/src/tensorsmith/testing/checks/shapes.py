"""Sizes that are unknown while a graph is built."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.testing.comparing import expect_same
from tensorsmith.testing.errors import expect
from tensorsmith.testing.functional import functional
from tensorsmith.testing.rows import LayerRow, LossRow, MetricRow
from tensorsmith.testing.using import Through, examples, observe, ready

HINT = "Remedy: take sizes from keras.ops.shape(x) where the graph runs, or write -1, instead of x.shape."


def unknown_batch_size(row: LayerRow | LossRow | MetricRow) -> None:
    """It works with an unknown batch size, and then with batches of any size."""
    if isinstance(row, LayerRow):
        for place, output in enumerate(functional(row, ready(row)).outputs):
            expect(
                output.shape[0] is None or place in row.shared_outputs,
                f"with keras.Input of unknown batch size the output has the shape {output.shape}. {HINT}",
            )
    through = _with_unknown(examples(row, batch=3), examples(row, batch=5))
    for batch in (1, 3, 5):
        _expect_same(row, examples(row, batch=batch), through, f"a batch of {batch}")


def unknown_time_size(row: LayerRow) -> None:
    """It works with an unknown number of time steps, and then with any number of them."""
    functional(row, ready(row), time=None)
    axis = row.time_axis or 0
    arguments = examples(row)
    through = _with_unknown(arguments, keras.tree.map_structure(lambda array: np.repeat(array, 2, axis), arguments))
    for shorter in (0, 1, 2):

        def cut(array: np.ndarray, shorter: int = shorter) -> np.ndarray:
            kept = max(1, array.shape[axis] - shorter)
            return np.take(array, np.arange(kept), axis=axis)

        _expect_same(
            row, keras.tree.map_structure(cut, arguments), through, f"{shorter} time steps fewer than in the row"
        )


def _with_unknown(arguments: Any, others: Any) -> Through:
    """Traces with the sizes unknown in which the two differ."""

    def spec(array: np.ndarray, other: np.ndarray) -> tf.TensorSpec:
        shape = [size if size == same else None for size, same in zip(array.shape, other.shape, strict=True)]
        return tf.TensorSpec(shape, array.dtype)

    signature = keras.tree.map_structure(spec, arguments, others)
    return lambda function: tf.function(function, input_signature=signature)


def _expect_same(row: Any, arguments: tuple[Any, ...], through: Through, what: str) -> None:
    expect_same(
        observe(row, ready(row), arguments, calls=1),
        observe(row, ready(row), arguments, through, calls=1),
        row.tolerance,
        f"known and unknown size, given {what},",
        HINT,
    )
