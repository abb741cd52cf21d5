"""Benchmark case of the scores of additive attention, with forward and backward passes."""

from typing import Any

import numpy as np

from tensorsmith.benchmarks.kernel_case import KernelCase, Work, torch_with_gradients, with_gradients

BATCH, STEPS, KEYS, UNITS = 16, 25, 25, 256


def _work(provider: str) -> Work:
    rng = np.random.default_rng(0)
    shapes = (BATCH, STEPS, UNITS), (BATCH, KEYS, UNITS), (UNITS,)
    inputs = [rng.normal(size=shape).astype("float32") for shape in shapes]
    if provider == "torch":
        return torch_with_gradients(
            lambda query, keys, scale: (query[:, :, None] + keys[:, None]).tanh() @ scale, inputs
        )
    if provider == "tensorsmith":
        from tensorsmith import ops

        return with_gradients(ops.additive_scores, inputs)
    from keras import ops as keras_ops

    def scores(query: Any, keys: Any, scale: Any) -> Any:
        hidden = keras_ops.tanh(keras_ops.expand_dims(query, 2) + keras_ops.expand_dims(keys, 1))
        return keras_ops.sum(scale * hidden, axis=-1)

    return with_gradients(scores, inputs, jit=provider == "xla")


CASES = {
    "additive_scores": KernelCase(_work, ("tensorsmith", "keras", "xla", "torch"), {"keras": 2, "torch": 1}),
}
