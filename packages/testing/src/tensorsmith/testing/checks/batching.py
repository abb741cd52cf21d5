"""Conformance check that updates metrics with batches of different sizes."""

from tensorsmith.testing.comparing import expect_same, named
from tensorsmith.testing.rows import MetricRow
from tensorsmith.testing.using import examples, make


def batches_add_up(row: MetricRow) -> None:
    """Checks that a metric has the same result for one large and several small batches, and that it can be reset."""
    batch = examples(row, batch=12)
    whole, parts = make(row), make(row)
    whole.update_state(*batch)
    parts.update_state(*(array[::-1] for array in batch))
    parts.reset_state()
    for start, end in ((0, 1), (1, 7), (7, 12)):
        parts.update_state(*(array[start:end] for array in batch))
    expect_same(
        named("result", whole.result()),
        named("result", parts.result()),
        row.tolerance,
        "one batch of 12 and batches of 1, 6 and 5",
        "Keep sums and counts (or whatever the result needs) in variables, and divide in `result`.",
    )
