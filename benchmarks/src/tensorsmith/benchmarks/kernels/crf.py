"""Benchmark cases of CRF log-likelihood and decoding, for 64 sequences of 100 steps with 20 tags."""

import numpy as np

from tensorsmith.benchmarks.kernel_case import KernelCase, Work, with_gradients
from tensorsmith.core.types import Tensor

BATCH, STEPS, TAGS = 64, 100, 20


def _work(provider: str) -> Work:
    from tensorsmith import ops

    rng = np.random.default_rng(0)
    tags = rng.integers(0, TAGS, (BATCH, STEPS))
    lengths = np.full(BATCH, STEPS)
    inputs = [rng.normal(size=(BATCH, STEPS, TAGS)).astype("float32"), rng.normal(size=(TAGS, TAGS)).astype("float32")]

    def ours(unaries: Tensor, transitions: Tensor) -> Tensor:
        return ops.crf_log_likelihood(unaries, tags, transitions, lengths=lengths)

    def loop(unaries: Tensor, transitions: Tensor) -> Tensor:
        return _tensorflow(unaries, tags, lengths, transitions)

    return with_gradients(ours if provider == "tensorsmith" else loop, inputs, jit=provider == "xla")


def _decode(provider: str) -> Work:
    import tensorflow as tf

    from tensorsmith import ops

    rng = np.random.default_rng(0)
    unaries = tf.constant(rng.normal(size=(BATCH, STEPS, TAGS)), tf.float32)
    transitions = tf.constant(rng.normal(size=(TAGS, TAGS)), tf.float32)
    # The formulation in TensorFlow is the reference implementation: a loop that saves backpointers, and a loop back.
    with ops.use("compiled" if provider == "tensorsmith" else "reference"):
        run = tf.function(ops.crf_decode, jit_compile=provider == "xla")
        run(unaries, transitions)
    return lambda: run(unaries, transitions)


def _tensorflow(unaries: Tensor, tags: Tensor, lengths: Tensor, transitions: Tensor) -> Tensor:
    """Compute the CRF log-likelihood as in TensorFlow Addons, with `tf.gather` and `tf.scan`.

    All sequences have full length here, so the normalizer requires no mask.
    """
    import tensorflow as tf

    mask = tf.sequence_mask(lengths, STEPS, unaries.dtype)
    unary = tf.reduce_sum(tf.gather(unaries, tags, axis=2, batch_dims=2) * mask, axis=1)
    pairs = tf.gather(tf.reshape(transitions, [-1]), tags[:, :-1] * TAGS + tags[:, 1:])
    binary = tf.reduce_sum(pairs * mask[:, 1:], axis=1)

    def step(alpha: Tensor, scores: Tensor) -> Tensor:
        return scores + tf.reduce_logsumexp(alpha[:, :, tf.newaxis] + transitions, axis=1)

    alphas = tf.scan(step, tf.transpose(unaries[:, 1:], [1, 0, 2]), unaries[:, 0])
    return unary + binary - tf.reduce_logsumexp(alphas[-1], axis=1)


PROVIDERS = ("tensorsmith", "tensorflow", "xla")
MEGABYTES = BATCH * STEPS * TAGS * 4 / 1e6

# The computation is not a matrix product, so the only floor is the memory bandwidth.
CASES = {
    "crf": KernelCase(_work, PROVIDERS, {"tensorflow": 8}, megabytes=4 * MEGABYTES),
    "crf_decode": KernelCase(_decode, PROVIDERS, megabytes=MEGABYTES),
}
