"""Benchmark case of counting the concordant and discordant pairs of 100,000 samples."""

import numpy as np

from tensorsmith.benchmarks.kernel_case import KernelCase, Work, forward


def _work(provider: str) -> Work:
    from tensorsmith import ops

    rng = np.random.default_rng(0)
    x = rng.integers(0, 1_000_000, 100_000).astype("float64")
    y = x + rng.normal(scale=500_000, size=x.size).round()
    with ops.use("compiled" if provider == "tensorsmith" else "reference"):
        work = forward(ops.pair_counts, [x, y, np.ones_like(x)])
        work()  # traces
    return work


CASES = {"pair_counts": KernelCase(_work, ("tensorsmith", "tensorflow"), {"tensorflow": 3})}
