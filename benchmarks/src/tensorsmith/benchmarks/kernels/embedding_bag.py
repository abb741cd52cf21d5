"""Benchmark case of weighted embedding bags: 4,096 bags of 32 rows from a table of 100,000 x 64."""

import numpy as np

from tensorsmith.benchmarks.kernel_case import KernelCase, Work, torch_with_gradients, with_gradients
from tensorsmith.core.types import Tensor

BAGS, SIZE, ROWS, WIDTH = 4096, 32, 100_000, 64


def _work(provider: str) -> Work:
    rng = np.random.default_rng(0)
    indices = rng.integers(0, ROWS, (BAGS, SIZE))
    inputs = [rng.normal(size=shape).astype("float32") for shape in ((ROWS, WIDTH), (BAGS, SIZE))]
    if provider == "torch":
        import torch

        rows = torch.from_numpy(indices)
        bag = torch.nn.functional.embedding_bag
        return torch_with_gradients(
            lambda table, weights: bag(rows, table, per_sample_weights=weights, mode="sum"), inputs
        )
    function = _ours if provider == "tensorsmith" else _gathered
    return with_gradients(lambda table, weights: function(indices, table, weights), inputs)


def _ours(indices: Tensor, table: Tensor, weights: Tensor) -> Tensor:
    from tensorsmith import ops

    return ops.embedding_bag(indices, table, weights)


def _gathered(indices: Tensor, table: Tensor, weights: Tensor) -> Tensor:
    import tensorflow as tf

    return tf.reduce_sum(tf.gather(table, indices) * weights[..., tf.newaxis], axis=1)


ROW_MEGABYTES = BAGS * SIZE * WIDTH * 4 / 1e6

CASES = {
    "embedding_bag": KernelCase(
        _work,
        ("tensorsmith", "tensorflow", "torch"),
        {"tensorflow": 2},
        megabytes=3 * ROW_MEGABYTES,  # rows twice, and their gradient
    )
}
