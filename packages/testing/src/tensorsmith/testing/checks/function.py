"""Conformance checks for graph execution with tf.function and XLA."""

import functools

import tensorflow as tf

from tensorsmith.testing.comparing import expect_same
from tensorsmith.testing.rows import LayerRow, Row
from tensorsmith.testing.statistics import expect_same_statistics
from tensorsmith.testing.using import examples, observe, ready, reference

compiled = functools.partial(tf.function, jit_compile=True)


def eager_equals_function(row: Row) -> None:
    """Checks that eager execution and `tf.function` give the same results in repeated calls."""
    expect_same(
        reference(row),
        observe(row, ready(row), examples(row), through=tf.function),
        row.tolerance,
        "eager and tf.function",
        "Python code runs only while tf.function traces. Draw random numbers with keras.random and a "
        "SeedGenerator, and keep state in variables.",
    )


def jit(row: LayerRow) -> None:
    """Checks that XLA and eager execution give the same values, or the same statistics if the layer is random."""
    if row.random:
        expect_same_statistics(row, ready(row), ready(row), row.tolerance, "eager and XLA", through=compiled)
        return
    expect_same(
        reference(row),
        observe(row, ready(row), examples(row), through=compiled),
        row.tolerance,
        "eager and XLA",
        "Set supports_jit = False on the layer and in its row if XLA cannot compile it.",
    )
