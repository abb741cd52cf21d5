"""Benchmark cases of optimizer updates and the global norm, for the 80 tensors of a Transformer."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tensorsmith.benchmarks.kernel_case import KernelCase, Work

WIDTH, INNER, LAYERS, WORDS, PLACES = 384, 1024, 6, 5600, 128
LAYER = [(WIDTH, WIDTH)] * 4 + [(WIDTH, INNER), (INNER, WIDTH), (INNER,)] + [(WIDTH,)] * 6
SHAPES = [(WORDS, WIDTH), (PLACES, WIDTH), *LAYER * LAYERS]
COUNT = sum(int(np.prod(shape)) for shape in SHAPES)


def _arrays() -> tuple[list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(0)
    weights = [rng.normal(0, 0.05, shape).astype("float32") for shape in SHAPES]
    return weights, [rng.normal(0, 0.001, shape).astype("float32") for shape in SHAPES]


def _work(provider: str, name: str, **arguments: Any) -> Work:
    weights, gradients = _arrays()
    if provider == "torch":
        return _torch(name, weights, gradients)
    import keras
    import tensorflow as tf

    if provider == "tensorsmith":
        import tensorsmith.optimizers as family
    else:
        family = keras.optimizers
    variables = [keras.Variable(value) for value in weights]
    optimizer = getattr(family, name)(1e-4, **arguments)
    optimizer.build(variables)
    tensors = [tf.constant(value) for value in gradients]

    # The gradients are captured, as in training they are in the graph. Passing 80 arguments would take a millisecond.
    @tf.function(jit_compile=provider == "xla")
    def update() -> None:
        optimizer.apply(tensors, variables)

    return update


def _torch(name: str, weights: list[np.ndarray], gradients: list[np.ndarray]) -> Work:
    import torch

    parameters = [torch.nn.Parameter(torch.from_numpy(value)) for value in weights]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = torch.from_numpy(gradient)
    makers: dict[str, Callable[..., Any]] = {
        "AdamW": partial(torch.optim.AdamW, fused=True),
        "SGD": partial(torch.optim.SGD, momentum=0.9, fused=True),
    }
    return makers[name](parameters, lr=1e-4).step


def _norm(provider: str) -> Work:
    _, gradients = _arrays()
    if provider == "torch":
        import torch

        own = [torch.from_numpy(value) for value in gradients]
        return lambda: torch.nn.utils.get_total_norm(own)
    import tensorflow as tf

    from tensorsmith import ops

    norm = ops.global_norm if provider == "tensorsmith" else tf.linalg.global_norm
    tensors = [tf.constant(value) for value in gradients]
    return tf.function(lambda: norm(tensors), jit_compile=provider == "xla")


def _megabytes(tensors: int) -> float:
    return tensors * COUNT * 4 / 1e6


MOST = ("tensorsmith", "keras", "xla")
ADAMW = partial(_work, name="AdamW")
CASES = {
    # Reads parameters, gradients and moments, writes all except the gradients.
    "adamw": KernelCase(ADAMW, (*MOST, "torch"), {"keras": 3, "xla": 1.3, "torch": 0.8}, megabytes=_megabytes(7)),
    "lamb": KernelCase(partial(_work, name="Lamb"), MOST, {"keras": 3}, megabytes=_megabytes(7)),
    "global_norm": KernelCase(_norm, ("tensorsmith", "tensorflow", "xla", "torch"), megabytes=_megabytes(1)),
    "sgd": KernelCase(
        partial(_work, name="SGD", momentum=0.9), (*MOST, "torch"), {"keras": 3}, megabytes=_megabytes(5)
    ),
}
