"""Benchmark case of beam search reconstruction, with 100 steps, 32 examples and 10 beams."""

from functools import partial

import numpy as np

from tensorsmith.benchmarks.kernel_case import KernelCase, Work

STEPS, BATCH, BEAMS = 100, 32, 10


def _work(provider: str) -> Work:
    import tensorflow as tf

    from tensorsmith import ops

    rng = np.random.default_rng(0)
    ids = tf.constant(rng.integers(0, 1000, (STEPS, BATCH, BEAMS)), tf.int32)
    parents = tf.constant(rng.integers(0, BEAMS, (STEPS, BATCH, BEAMS)), tf.int32)
    lengths = tf.constant(rng.integers(STEPS // 2, STEPS + 1, BATCH), tf.int32)
    # The reference implementation is the fastest known formulation in TensorFlow, with one gather per step.
    with ops.use("compiled" if provider == "tensorsmith" else "reference"):
        run = tf.function(partial(ops.gather_tree, end_token=0), jit_compile=provider == "xla")
        run(ids, parents, lengths)
    return lambda: run(ids, parents, lengths)


# Reads tokens and parents, writes tokens.
MEGABYTES = 3 * STEPS * BATCH * BEAMS * 4 / 1e6
CASES = {"gather_tree": KernelCase(_work, ("tensorsmith", "tensorflow", "xla"), {"tensorflow": 3}, megabytes=MEGABYTES)}
