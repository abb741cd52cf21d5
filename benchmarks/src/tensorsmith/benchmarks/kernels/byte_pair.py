"""Benchmark case of byte-pair encoding of 256 texts with 200 words."""

import numpy as np

from tensorsmith.benchmarks.kernel_case import KernelCase, Work, forward


def texts() -> list[str]:
    """Return texts of random words, of which a few are as frequent as in a language."""
    rng = np.random.default_rng(0)
    letters = np.array([*"etaoinshrdlucmfwypvbgkjqxz"])
    words = ["".join(letters[np.minimum(rng.geometric(0.12, size), 26) - 1]) for size in rng.integers(1, 12, 20_000)]
    ranks = np.minimum(rng.zipf(1.2, (256, 200)), len(words)) - 1
    return [" ".join(words[rank] for rank in row) for row in ranks]


def _work(provider: str) -> Work:
    import tensorflow as tf

    from tensorsmith import ops

    # Merges of all pairs of the 16 most frequent letters, and of pairs of these results.
    letters = [ord(letter) for letter in "etaoinshrdlucmfw"]
    pairs = [(first, second) for first in letters for second in letters]
    pairs += [(256 + first, 256 + second) for first in range(64) for second in range(64)]
    merges = ops.BytePairMerges(range(256), [(*pair, 256 + rank) for rank, pair in enumerate(pairs)])
    with ops.use("compiled" if provider == "tensorsmith" else "reference"):
        work = forward(lambda batch: ops.byte_pair_encode(batch, merges).values, [tf.constant(texts())])
        work()  # traces
    return work


CASES = {"byte_pair": KernelCase(_work, ("tensorsmith", "tensorflow"), {"tensorflow": 10})}
