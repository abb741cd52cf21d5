"""Benchmark cases of the Gaussian error linear unit with a bias, with forward and backward passes."""

from functools import partial

import numpy as np

from tensorsmith.benchmarks.kernel_case import KernelCase, Work, torch_with_gradients, with_gradients

SHAPE = (2048, 1024)


def _work(provider: str, approximate: bool) -> Work:
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=shape).astype("float32") for shape in (SHAPE, SHAPE[-1:])]
    if provider == "torch":
        from torch.nn.functional import gelu as torch_gelu

        kind = "tanh" if approximate else "none"
        return torch_with_gradients(lambda x, bias: torch_gelu(x + bias, approximate=kind), inputs)
    if provider == "tensorsmith":
        from tensorsmith import ops

        return with_gradients(partial(ops.gelu, approximate=approximate), inputs)
    import keras

    return with_gradients(
        lambda x, bias: keras.ops.gelu(keras.ops.add(x, bias), approximate), inputs, jit=provider == "xla"
    )


PROVIDERS = ("tensorsmith", "keras", "xla", "torch")
MEGABYTES = 5 * np.prod(SHAPE) * 4 / 1e6  # forward: x and y; backward: x, dy and dx

CASES = {
    "gelu": KernelCase(partial(_work, approximate=False), PROVIDERS, {"keras": 2, "torch": 1}, megabytes=MEGABYTES),
    "gelu_tanh": KernelCase(partial(_work, approximate=True), PROVIDERS, {"keras": 3, "torch": 1}, megabytes=MEGABYTES),
}
