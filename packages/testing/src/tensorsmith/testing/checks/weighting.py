"""Conformance check for the sample weights of metrics."""

import numpy as np

from tensorsmith.testing.comparing import expect_same, named
from tensorsmith.testing.rows import MetricRow
from tensorsmith.testing.using import examples, make


def sample_weight(row: MetricRow) -> None:
    """Checks that examples with a sample weight of 0 have no effect, also if the weights have a trailing axis."""
    *batch, _ = examples(row, batch=12)  # without the weights
    kept = np.arange(12) % 3 > 0
    selected = make(row)
    selected.update_state(*(array[kept] for array in batch))
    for weights in (kept.astype("float32"), kept.astype("float32")[:, np.newaxis]):
        weighted = make(row)
        weighted.update_state(*batch, sample_weight=weights)
        expect_same(
            named("result", selected.result()),
            named("result", weighted.result()),
            row.tolerance,
            f"8 examples and 12 examples of which 4 have the weight 0, with weights of shape {weights.shape},",
            "Multiply by `sample_weight` before summing, and count the weights instead of the examples.",
        )
