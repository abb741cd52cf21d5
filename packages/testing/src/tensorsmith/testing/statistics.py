"""Statistical comparison of random layers, whose random numbers depend on the compiler and the precision."""

import math
from typing import Any

import numpy as np
import tensorflow as tf

from tensorsmith.testing.errors import expect
from tensorsmith.testing.rows import LayerRow
from tensorsmith.testing.using import Through, examples, observe

CALLS = 100
SIGMAS = 6.0


def expect_same_statistics(
    row: LayerRow, first: Any, second: Any, tolerance: float, who: str, through: Through = tf.function
) -> None:
    """Raises `ConformanceError` unless the means and mean squares of the outputs agree within 6 standard errors.

    Each sample is the mean over the batch of one call, so that the test is also valid for layers that draw one random
    number per batch.

    Args:
        row: Conformance table row of both layers.
        first: Reference layer, which runs in a tf.function.
        second: Layer to test.
        tolerance: Maximum difference in addition to the sampling error. If the largest absolute value of an output
            exceeds 1, the tolerance is multiplied by this value.
        who: Description of the two layers, such as "eager and XLA".
        through: Function that wraps the calls of the second layer, such as `tf.function`.
    """
    batch = examples(row, batch=16)
    ones, others = (
        _by_output(observe(row, layer, batch, how, calls=CALLS))
        for layer, how in ((first, tf.function), (second, through))
    )
    for name, one in ones.items():
        other = others[name]
        for power, moment in ((1, "mean"), (2, "mean square")):
            a, b = np.mean(one**power, axis=1), np.mean(other**power, axis=1)  # (calls, ...)
            gap = np.abs(a.mean(axis=0) - b.mean(axis=0))
            sigma = np.sqrt((a.var(axis=0) + b.var(axis=0)) / CALLS)
            scale = max(1.0, float(np.max(np.abs(a), initial=0.0)))
            excess = float(np.max(gap - SIGMAS * sigma - tolerance * scale, initial=-math.inf))
            expect(
                excess <= 0 and not np.isnan(gap).any(),
                f"{who} differ at {name}: the {moment} over {CALLS} calls is up to {gap.max():.4g} apart, "
                f"beyond {SIGMAS:g} standard errors.",
            )


def _by_output(observations: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns a dict that maps the name of each output to the stacked values of repeated calls."""
    stacks: dict[str, list[np.ndarray]] = {}
    for name, value in observations.items():
        way, _, output = name.split(", ")
        stacks.setdefault(f"{way}, {output}", []).append(value.astype("float64"))
    return {name: np.stack(values) for name, values in stacks.items()}
