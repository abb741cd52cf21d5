"""Conformance checks for half-precision computation."""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial, singledispatch
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.testing.comparing import expect_finite, expect_same, named
from tensorsmith.testing.errors import expect
from tensorsmith.testing.rows import LayerRow, LossRow, MetricRow, ModelRow, Row
from tensorsmith.testing.statistics import expect_same_statistics
from tensorsmith.testing.using import examples, observe, ready, reference

HINT = "Use an epsilon that the dtype can represent (not below 6e-8 for float16), and no constants of another dtype."


def mixed_float16(row: Row) -> None:
    """Checks that values and gradients under the policy mixed_float16 are finite and close to float32 values."""
    _check(row, "float16", row.half_tolerance)


def mixed_bfloat16(row: Row) -> None:
    """Checks that values and gradients under the policy mixed_bfloat16 are finite and close to float32 values."""
    _check(row, "bfloat16", 8 * row.half_tolerance)


@contextlib.contextmanager
def policy(name: str) -> Iterator[None]:
    """Context manager that sets the global dtype policy to the policy with the given name."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@singledispatch
def _check(row: Row, half: str, tolerance: float) -> None:
    """Checks that results under a mixed-precision dtype policy are close to the results in `float32`."""
    with policy(f"mixed_{half}"):
        found = observe(row, ready(row), examples(row))
    expect_same(reference(row), found, row.tolerance, f"float32 and mixed_{half}")


@_check.register
def _(row: LayerRow, half: str, tolerance: float) -> None:
    who = f"float32 and mixed_{half}"
    zeros = keras.tree.map_structure(np.zeros_like, examples(row))
    full = ready(row)
    with policy(f"mixed_{half}"):
        layer = ready(row)
        for mine, theirs in zip(full.variables, layer.variables, strict=True):
            theirs.assign(mine)
        for value in keras.tree.flatten(row.outputs(layer, *examples(row))):
            given = keras.backend.standardize_dtype(value.dtype)
            types = dict.fromkeys((half, layer.compute_dtype))  # usually equal, but some layers compute in float32
            expect(
                given in types or not keras.backend.is_float_dtype(given),
                f"the output is {given} under mixed_{half}, expected {' or '.join(types)}. "
                "Cast constants to the dtype of the inputs, or to self.compute_dtype.",
            )
        _expect_finite_gradients(partial(row.outputs, layer), layer, examples(row), half)
        if row.random:
            expect_same_statistics(row, full, layer, tolerance, who)
        else:
            expect_same(observe(row, full, examples(row)), observe(row, layer, examples(row)), tolerance, who, HINT)
        # Zero inputs reveal divisions by small numbers.
        if all(np.isfinite(value.astype("float64")).all() for value in observe(row, full, zeros).values()):
            expect_finite(observe(row, layer, zeros), f"mixed_{half} on zeros", HINT)
            _expect_finite_gradients(partial(row.outputs, layer), layer, zeros, half)


@_check.register
def _(row: ModelRow, half: str, tolerance: float) -> None:
    with policy(f"mixed_{half}"):
        model = ready(row)
        for mine, theirs in zip(ready(row).variables, model.variables, strict=True):
            theirs.assign(mine)
        _expect_finite_gradients(model, model, examples(row), half)
        found = observe(row, model, examples(row))
    expect_same(reference(row), found, tolerance, f"float32 and mixed_{half}", HINT)


@_check.register(LossRow)
@_check.register(MetricRow)
def _(row: LossRow | MetricRow, half: str, tolerance: float) -> None:
    *targets, y_pred, weights = examples(row)
    expected = reference(row)
    with policy(f"mixed_{half}"):
        predictions = tf.cast(y_pred, half)
        component = ready(row)
        expect_same(
            expected, observe(row, component, (*targets, predictions, weights)), tolerance, f"float32 and {half}", HINT
        )
        if isinstance(row, LossRow):
            with tf.GradientTape() as tape:
                tape.watch(predictions)
                value = tf.reduce_sum(tf.cast(component(*targets, predictions), "float32"))
            gradient = tape.gradient(value, predictions)
            expect_finite(named("gradient", gradient), f"mixed_{half}", HINT)


def _expect_finite_gradients(
    call: Callable[..., Any], layer: keras.Layer, arguments: tuple[Any, ...], half: str
) -> None:
    tensors = keras.tree.map_structure(tf.convert_to_tensor, arguments)
    sources = [tensor for tensor in keras.tree.flatten(tensors) if tensor.dtype.is_floating]
    sources += [variable.value for variable in layer.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        outputs = [value for value in keras.tree.flatten(call(*tensors)) if tf.as_dtype(value.dtype).is_floating]
        parts = [tf.reduce_sum(tf.cast(value, "float32")) for value in outputs]
        total = tf.add_n(parts or [tf.zeros([])])  # all outputs may be integers
    gradients = [gradient for gradient in tape.gradient(total, sources) if gradient is not None]
    expect_finite(named("gradient", [tf.convert_to_tensor(gradient) for gradient in gradients]), f"mixed_{half}", HINT)
