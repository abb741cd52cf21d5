"""Benchmark cases of layer normalization and RMS normalization, with forward and backward passes."""

from functools import partial
from typing import Any

import numpy as np

from tensorsmith.benchmarks.kernel_case import KernelCase, Work, torch_with_gradients, with_gradients

SHAPE = (64, 128, 512)


def _work(provider: str, center: bool) -> Work:
    rng = np.random.default_rng(0)
    x = rng.normal(size=SHAPE).astype("float32")
    parameters = [rng.normal(size=SHAPE[-1:]).astype("float32") for _ in range(1 + center)]
    if provider == "torch":
        import torch.nn.functional as functional

        norm: Any = functional.layer_norm if center else functional.rms_norm
        return torch_with_gradients(lambda x, *more: norm(x, SHAPE[-1:], *more, eps=1e-3), [x, *parameters])
    return with_gradients(_function(provider, center), [x, *parameters], jit=provider == "xla")


def _function(provider: str, center: bool) -> Any:
    if provider == "tensorsmith":
        from tensorsmith import ops

        return partial(ops.layer_norm if center else ops.rms_norm, epsilon=1e-3)
    import keras

    norm = keras.ops.layer_normalization if center else keras.ops.rms_normalization
    return partial(norm, epsilon=1e-3)


PROVIDERS = ("tensorsmith", "keras", "xla", "torch")
MEGABYTES = 5 * np.prod(SHAPE) * 4 / 1e6  # forward: x and y; backward: x, dy and dx

CASES = {
    "layer_norm": KernelCase(partial(_work, center=True), PROVIDERS, {"keras": 3, "torch": 2}, megabytes=MEGABYTES),
    "rms_norm": KernelCase(partial(_work, center=False), PROVIDERS, megabytes=MEGABYTES),
}
