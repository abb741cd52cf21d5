"""Benchmark case of WordPiece encoding of the texts of the case `byte_pair`."""

from tensorsmith.benchmarks.kernel_case import KernelCase, Work, forward
from tensorsmith.benchmarks.kernels.byte_pair import texts


def _work(provider: str) -> Work:
    import tensorflow as tf

    from tensorsmith import ops

    batch = texts()
    letters = sorted({*"".join(batch)} - {" "})
    starts = sorted({word[:size] for word in batch[0].split() for size in range(1, 5)})
    pairs = [f"##{first}{second}" for first in letters for second in letters]
    vocabulary = [*dict.fromkeys([*letters, *starts, *(f"##{letter}" for letter in letters), *pairs])]
    pieces = ops.WordPieces(vocabulary, first_token=4, unknown=1)
    with ops.use("compiled" if provider == "tensorsmith" else "reference"):
        work = forward(lambda batch: ops.word_piece_encode(batch, pieces).values, [tf.constant(batch)])
        work()  # traces
    return work


CASES = {"word_piece": KernelCase(_work, ("tensorsmith", "tensorflow"), {"tensorflow": 10})}
