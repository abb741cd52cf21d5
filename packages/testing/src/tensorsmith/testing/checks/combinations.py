"""Conformance check for combinations of argument values, modes and masks."""

import dataclasses
import inspect
import itertools
import math
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.testing.comparing import Observations, expect_same, named
from tensorsmith.testing.covering import covering
from tensorsmith.testing.errors import expect
from tensorsmith.testing.masking import attach_masks, takes_masks
from tensorsmith.testing.rows import BatchRow, LayerRow, LossRow
from tensorsmith.testing.using import examples, functions, ready

SAMPLED = 256  # random combinations, among which a covering subset is searched
MASKED = "with masks"
REFUSALS = (ValueError, tf.errors.InvalidArgumentError)


def combinations(row: BatchRow) -> None:
    """Checks that eager execution and `tf.function` agree for all pairs of argument values, with masks and without."""
    refused = 0
    chosen = pairs(row)
    for combination in chosen:
        changed = ", ".join(f"{name}={value!r}" for name, value in combination.items())
        masked = combination.pop(MASKED, False)
        variant = dataclasses.replace(row, kwargs={**row.kwargs, **combination})
        try:
            eager = _observe(variant, masked, lambda function: function)
        except REFUSALS:
            refused += 1
            continue
        expect_same(
            eager,
            _observe(variant, masked, tf.function),
            row.tolerance,
            f"eager and tf.function with {changed or 'the arguments of the row'}",
            "A graph converts Python numbers to tensors of int32 or float32, for example in tf.where.",
        )
    expect(refused < len(chosen), f"all {refused} combinations of arguments raise errors.")


def pairs(row: BatchRow) -> list[dict[str, Any]]:
    """Returns combinations of keyword arguments that together contain all pairs of the values of two arguments.

    The values of an argument are that of the row, the default value of the class, and both
    values of an argument whose default is a bool. The use of masks is treated as one more argument.
    """
    values: dict[str, list[Any]] = {MASKED: [False, True]} if takes_masks(examples(row)) else {}
    for name, parameter in inspect.signature(row.make).parameters.items():
        given = [row.kwargs[name]] if name in row.kwargs else []
        if isinstance(parameter.default, bool):
            given += [False, True]
        elif given and inspect.isclass(row.make) and parameter.default is not parameter.empty:
            given.append(parameter.default)
        # Values such as lists are not hashable, so they are identified by their representations.
        distinct = {repr(value): value for value in given}
        if len(distinct) > 1:
            values[name] = list(distinct.values())
    counts = [len(given) for given in values.values()]
    if math.prod(counts) <= SAMPLED:
        table = list(itertools.product(*map(range, counts)))
    else:
        rng = np.random.default_rng(27)
        table = [tuple(rng.integers(counts).tolist()) for _ in range(SAMPLED)]
    kept = covering(list(zip(*table, strict=True)), 2, len(table)) if counts else [0]
    return [
        {name: given[index] for (name, given), index in zip(values.items(), table[number], strict=True)}
        for number in sorted(kept)
    ]


def _observe(row: BatchRow, masked: bool, through: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Observations:
    """Returns the outputs of a new component, and the gradients if it is a layer or a loss."""
    seen: Observations = {}
    component = ready(row)
    arguments = keras.tree.map_structure(tf.convert_to_tensor, examples(row))
    for way, function in functions(row, component).items():

        def run(*tensors: Any, function: Callable[..., Any] = function) -> Any:
            watched = [tensor for tensor in keras.tree.flatten(tensors) if tensor.dtype.is_floating]
            with tf.GradientTape() as tape:
                tape.watch(watched)
                outputs = keras.tree.flatten(function(*attach_masks(tensors) if masked else tensors))
                floats = [output for output in outputs if tf.as_dtype(output.dtype).is_floating]
                squares = [tf.reduce_sum(tf.cast(output, "float32") ** 2) for output in floats]
            if isinstance(row, LayerRow):
                watched += [weight.value for weight in component.trainable_variables]
            slopes = tape.gradient(squares, watched) if isinstance(row, LayerRow | LossRow) else []
            return outputs, [tf.convert_to_tensor(slope) for slope in slopes if slope is not None]

        with warnings.catch_warnings(action="ignore", category=UserWarning):  # a layer may drop the mask
            seen.update(named(way, through(run)(*arguments)))
    return seen
