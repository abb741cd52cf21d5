"""Benchmark case of the FlowNet cost volume, for 48 x 64 x 128 feature maps and 21 x 21 displacements."""

import numpy as np

from tensorsmith.benchmarks.kernel_case import KernelCase, Work, with_gradients
from tensorsmith.core.types import Tensor

SHAPE, ACROSS = (2, 48, 64, 128), 21
OPTIONS = {"kernel_size": 1, "max_displacement": 20, "stride_1": 1, "stride_2": 2, "pad": 20}


def _work(provider: str) -> Work:
    images = np.random.default_rng(0).normal(size=(2, *SHAPE)).astype("float32")
    return with_gradients(_ours if provider == "tensorsmith" else _shifted, list(images), jit=provider == "xla")


def _ours(a: Tensor, b: Tensor) -> Tensor:
    from tensorsmith import ops

    return ops.correlation_cost(a, b, **OPTIONS)


def _shifted(a: Tensor, b: Tensor) -> Tensor:
    """Compute the cost volume of two feature maps with TensorFlow ops, one displacement at a time."""
    import tensorflow as tf

    _, height, width, _ = SHAPE
    b = tf.pad(b, [[0, 0], [20, 20], [20, 20], [0, 0]])
    moves = range(0, 2 * ACROSS, 2)
    costs = [tf.reduce_mean(a * b[:, p : p + height, q : q + width], axis=-1) for p in moves for q in moves]
    return tf.stack(costs, axis=-1)


CASES = {
    "correlation_cost": KernelCase(
        _work,
        ("tensorsmith", "tensorflow"),
        {"tensorflow": 2},
        gigaflops=3 * 2 * np.prod(SHAPE) * ACROSS**2 / 1e9,
    )
}
