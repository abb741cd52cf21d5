"""Benchmark case of dropout, with forward and backward passes."""

import numpy as np

from tensorsmith.benchmarks.kernel_case import KernelCase, Work, torch_with_gradients, with_gradients

SHAPE, RATE, SEED = (2048, 1024), 0.1, (1, 2)


def _work(provider: str) -> Work:
    inputs = [np.random.default_rng(0).normal(size=SHAPE).astype("float32")]
    if provider == "torch":
        from torch.nn.functional import dropout as torch_dropout

        return torch_with_gradients(lambda x: torch_dropout(x, RATE), inputs)
    if provider == "tensorsmith":
        from tensorsmith import ops

        return with_gradients(lambda x: ops.dropout(x, RATE, SEED), inputs)
    import keras

    return with_gradients(lambda x: keras.random.dropout(x, RATE, seed=1), inputs, jit=provider == "xla")


MEGABYTES = 4 * np.prod(SHAPE) * 4 / 1e6  # forward: x and y; backward: dy and dx

CASES = {
    "dropout": KernelCase(
        _work, ("tensorsmith", "keras", "xla", "torch"), {"keras": 3, "torch": 1}, megabytes=MEGABYTES
    )
}
