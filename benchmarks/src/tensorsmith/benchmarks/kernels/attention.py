"""Benchmark cases of causal attention (8 heads of width 64): duration and peak memory.

The cases `attention_16` to `attention_512` have batches of as many steps as 8 sequences of 1,024.
"""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tensorsmith.benchmarks.kernel_case import KernelCase, Work, forward, torch_with_gradients, with_gradients

if TYPE_CHECKING:
    import torch

BATCH, HEADS, WIDTH = 8, 8, 64


def _inputs(batch: int, steps: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(batch, steps, HEADS, WIDTH)).astype("float32") for _ in range(3)]


def _work(provider: str, batch: int, steps: int, gradients: bool) -> Work:
    inputs = _inputs(batch, steps)
    if provider == "torch":
        return torch_with_gradients(_torch, inputs) if gradients else _torch_forward(inputs)
    if provider == "tensorsmith":
        from tensorsmith import ops

        function: Any = partial(ops.attention, causal=True)
    else:
        import keras

        function = partial(keras.ops.dot_product_attention, is_causal=True)
    jit = provider == "xla"
    return with_gradients(function, inputs, jit) if gradients else forward(function, inputs, jit)


def _torch(query: "torch.Tensor", key: "torch.Tensor", value: "torch.Tensor") -> "torch.Tensor":
    from torch.nn.functional import scaled_dot_product_attention

    # In PyTorch, heads precede steps. The transposed tensors are views.
    query, key, value = (tensor.transpose(1, 2) for tensor in (query, key, value))
    return scaled_dot_product_attention(query, key, value, is_causal=True).transpose(1, 2)


def _torch_forward(inputs: list[np.ndarray]) -> Work:
    import torch

    tensors = [torch.from_numpy(value) for value in inputs]
    return lambda: _torch(*tensors)


def _gigaflops(products: int) -> float:
    """Return the number of floating-point operations of causal attention over 1,024 steps, in billions."""
    return products * BATCH * HEADS * WIDTH * 1024 * 1025 / 1e9


PROVIDERS = ("tensorsmith", "keras", "xla", "torch")

CASES = {
    "attention_forward": KernelCase(
        partial(_work, batch=BATCH, steps=1024, gradients=False),
        PROVIDERS,
        {"keras": 2.5, "torch": 1.3},
        gigaflops=_gigaflops(2),
    ),
    "attention": KernelCase(
        partial(_work, batch=BATCH, steps=1024, gradients=True),
        PROVIDERS,
        {"keras": 2, "torch": 1.5},
        gigaflops=_gigaflops(7),
    ),
    "attention_memory": KernelCase(
        partial(_work, batch=1, steps=4096, gradients=True),
        ("tensorsmith", "keras", "torch"),
        {"keras": 20},
        warm_up=partial(_work, batch=1, steps=16, gradients=True),
    ),
    **{
        f"attention_{steps}": KernelCase(
            partial(_work, batch=BATCH * 1024 // steps, steps=steps, gradients=True), PROVIDERS, {"keras": 1}
        )
        for steps in (16, 32, 64, 128, 256, 512)
    },
}
