"""Benchmark case of the cross-entropy of integer labels, with forward and backward passes."""

from functools import partial

import numpy as np

from tensorsmith.benchmarks.kernel_case import KernelCase, Work, torch_with_gradients, with_gradients

ROWS, CLASSES = 2048, 2000


def _work(provider: str) -> Work:
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(ROWS, CLASSES)).astype("float32")]
    labels = rng.integers(0, CLASSES, ROWS)
    if provider == "torch":
        import torch

        target = torch.from_numpy(labels)
        return torch_with_gradients(
            lambda logits: torch.nn.functional.cross_entropy(logits, target, reduction="none"), inputs
        )
    if provider == "tensorsmith":
        from tensorsmith import ops

        return with_gradients(partial(ops.softmax_cross_entropy, labels=labels), inputs)
    import keras

    return with_gradients(
        lambda logits: keras.ops.sparse_categorical_crossentropy(labels, logits, from_logits=True),
        inputs,
        jit=provider == "xla",
    )


CASES = {
    "softmax_cross_entropy": KernelCase(
        _work,
        ("tensorsmith", "keras", "xla", "torch"),
        {"keras": 2, "torch": 1},
        megabytes=3 * ROWS * CLASSES * 4 / 1e6,  # forward: logits; backward: logits and their gradients
    )
}
