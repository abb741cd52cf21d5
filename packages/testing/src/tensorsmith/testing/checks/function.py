"""Graphs: tf.function, and XLA below it."""

import functools

import tensorflow as tf

from tensorsmith.testing.comparing import expect_same
from tensorsmith.testing.rows import LayerRow, Row
from tensorsmith.testing.statistics import expect_same_statistics
from tensorsmith.testing.using import examples, observe, ready, reference

compiled = functools.partial(tf.function, jit_compile=True)


def eager_equals_function(row: Row) -> None:
    """It does the same called eagerly and within a tf.function, also when called again."""
    expect_same(
        reference(row),
        observe(row, ready(row), examples(row), through=tf.function),
        row.tolerance,
        "eager and tf.function",
        "Python code runs only while tf.function traces. Remedy: draw random numbers with keras.random and a "
        "SeedGenerator, and keep state in variables.",
    )


def jit(row: LayerRow) -> None:
    """XLA compiles it, to the same values; random layers have the same mean and spread."""
    if row.random:
        expect_same_statistics(row, ready(row), ready(row), row.tolerance, "eager and XLA", through=compiled)
        return
    expect_same(
        reference(row),
        observe(row, ready(row), examples(row), through=compiled),
        row.tolerance,
        "eager and XLA",
        "Remedy: set supports_jit = False on the layer and in its row, where XLA cannot do it.",
    )
