"""Benchmark case of max pooling over groups of three channels, for 32 images of 28 x 28 x 96."""

import numpy as np

from tensorsmith.benchmarks.kernel_case import KernelCase, Work, torch_with_gradients, with_gradients
from tensorsmith.core.types import Tensor

SHAPE, POOL = (32, 28, 28, 96), 3


def _work(provider: str) -> Work:
    x = np.random.default_rng(0).normal(size=SHAPE).astype("float32")
    if provider == "torch":
        return torch_with_gradients(lambda x: x.unflatten(-1, (-1, POOL)).amax(-1), [x])
    return with_gradients(_ours if provider == "tensorsmith" else FORMULATIONS[provider], [x], jit=provider == "xla")


def _ours(x: Tensor) -> Tensor:
    from tensorsmith import ops

    return ops.depthwise_max_pool(x, POOL)


def _reshaped(x: Tensor) -> Tensor:
    import tensorflow as tf

    return tf.reduce_max(tf.reshape(x, [*x.shape[:-1], -1, POOL]), axis=-1)


def _pooled(x: Tensor) -> Tensor:
    """Apply max pooling over channels with `tf.nn.max_pool2d`, which has a gradient on CPU."""
    import tensorflow as tf

    rows = tf.reshape(x, [-1, 1, x.shape[-1], 1])
    return tf.reshape(tf.nn.max_pool2d(rows, [1, POOL], [1, POOL], "VALID"), [*x.shape[:-1], -1])


def _strided(x: Tensor) -> Tensor:
    import tensorflow as tf

    return tf.maximum(tf.maximum(x[..., 0::POOL], x[..., 1::POOL]), x[..., 2::POOL])


FORMULATIONS = {"tensorflow": _reshaped, "tensorflow_pool": _pooled, "tensorflow_slices": _strided, "xla": _reshaped}

CASES = {
    "depthwise_max_pool": KernelCase(
        _work,
        ("tensorsmith", *FORMULATIONS, "torch"),
        dict.fromkeys(("tensorflow", "tensorflow_pool", "tensorflow_slices"), 3),
        megabytes=(2 + 1 + 2 / POOL) * np.prod(SHAPE) * 4 / 1e6,  # x twice, and dx; y and dy
    )
}
