"""Benchmark cases of an output projection to 32,000 words with cross-entropy loss: duration and peak memory."""

from functools import partial
from typing import Any

import numpy as np

from tensorsmith.benchmarks.kernel_case import KernelCase, Work
from tensorsmith.core.types import Tensor

TOKENS, WIDTH, WORDS = 1024, 512, 32_000


def _work(provider: str, tokens: int, words: int) -> Work:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(tokens, WIDTH)).astype("float32")
    kernel = (rng.normal(size=(WIDTH, words)) / np.sqrt(WIDTH)).astype("float32")
    labels = rng.integers(0, words, tokens)
    if provider == "torch":
        return _torch(features, kernel, labels)
    import keras
    import tensorflow as tf

    from tensorsmith import ops

    def loss(features: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
        if provider == "tensorsmith":
            return ops.softmax_cross_entropy_with_projection(features, kernel, labels, bias=bias)
        logits = keras.ops.matmul(features, kernel) + bias
        return keras.ops.mean(keras.ops.sparse_categorical_crossentropy(labels, logits, from_logits=True))

    @tf.function(jit_compile=provider == "xla")
    def run(*tensors: Tensor) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            value = loss(*tensors)
        return value, tape.gradient(value, tensors)

    tensors = [tf.constant(value) for value in (features, kernel, np.zeros(words, "float32"))]
    return lambda: run(*tensors)


def _torch(features: np.ndarray, kernel: np.ndarray, labels: np.ndarray) -> Work:
    import torch
    from torch.nn.functional import cross_entropy

    tensors = [
        torch.from_numpy(value).requires_grad_() for value in (features, kernel, np.zeros(kernel.shape[1], "float32"))
    ]
    targets = torch.from_numpy(labels)

    def run() -> Any:
        loss = cross_entropy(torch.addmm(tensors[2], tensors[0], tensors[1]), targets)
        return loss, torch.autograd.grad(loss, tensors)

    return run


full = partial(_work, tokens=TOKENS, words=WORDS)
CASES = {
    "projection_loss": KernelCase(
        full,
        ("tensorsmith", "keras", "xla", "torch"),
        {"keras": 0.9, "torch": 0.9},
        gigaflops=6 * TOKENS * WIDTH * WORDS / 1e9,
    ),
    "projection_loss_memory": KernelCase(
        full,
        ("tensorsmith", "keras", "torch"),
        {"keras": 8, "torch": 8},
        warm_up=partial(_work, tokens=16, words=100),
    ),
}
