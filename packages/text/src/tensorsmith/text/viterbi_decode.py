"""Best tag sequence of a single sequence in a conditional random field (CRF), as Python and NumPy values."""

import numpy as np

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.text.crf_decode import crf_decode


def viterbi_decode(score: TensorLike, transition_params: TensorLike) -> tuple[list[int], np.floating]:
    """Return the tags with the highest score for one sequence, and the score.

    The result is a list and a number, so that the function cannot be part of a graph. `crf_decode` decodes batches, in
    eager execution and in graphs.

    Source: Viterbi, "Error Bounds for Convolutional Codes", 1967.

    Args:
        score: Array of shape `(steps, tags)` with the score of each tag at each step.
        transition_params: Array of shape `(tags, tags)`. Element `[i, j]` is the score of tag `j` after tag `i`.

    Returns:
        A tuple of the tags, a list with one integer per step, and the score, a NumPy number.

    Raises:
        ValueError: If shapes do not match.

    Example:
        >>> tags, score = viterbi_decode([[2.0, 0.0], [0.0, 1.0], [0.0, 3.0]], [[0.0, -9.0], [0.0, 0.0]])
        >>> print(tags, score)
        [1, 1, 1] 4.0
    """
    scores = np.asarray(score)
    check(scores.ndim == 2, "score", Verbatim(scores.shape), "have shape (steps, tags)")
    scores = scores if np.issubdtype(scores.dtype, np.floating) else scores.astype("float64")
    tags, best = crf_decode(scores[np.newaxis], transition_params, [len(scores)])
    return tags[0].numpy().tolist(), best[0].numpy()
