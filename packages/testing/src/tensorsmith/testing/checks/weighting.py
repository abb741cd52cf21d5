"""Conformance check for the sample weights of metrics."""

import numpy as np

from tensorsmith.testing.comparing import expect_same, named
from tensorsmith.testing.rows import MetricRow
from tensorsmith.testing.using import examples, make


def sample_weight(row: MetricRow) -> None:
    """Checks that examples with a sample weight of 0 have no effect on a metric."""
    *batch, _ = examples(row, batch=12)  # without the weights
    kept = np.arange(12) % 3 > 0
    weighted, selected = make(row), make(row)
    weighted.update_state(*batch, sample_weight=kept.astype("float32"))
    selected.update_state(*(array[kept] for array in batch))
    expect_same(
        named("result", selected.result()),
        named("result", weighted.result()),
        row.tolerance,
        "8 examples and 12 examples of which 4 have the weight 0",
        "Multiply by `sample_weight` before summing, and count the weights instead of the examples.",
    )
