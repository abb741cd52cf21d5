"""Precision and recall of generated samples."""

from collections.abc import Iterator

import numpy as np
from keras import ops

from tensorsmith.core import Verbatim, check, export, is_integer
from tensorsmith.core.types import TensorLike
from tensorsmith.metrics._support.feature_sets import feature_sets

ROWS = 1000  # of the matrices of distances that are in memory at once


@export
def sample_precision_recall(real: TensorLike, fake: TensorLike, neighbors: int = 3) -> tuple[float, float]:
    """Return the precision and recall of generated samples, given the features of real and generated samples.

    Each set of samples is described by spheres around its features, whose radius is the distance to the k-th nearest
    neighbor in the same set. Precision is the fraction of generated samples within a sphere of a real sample: their
    quality. Recall is the fraction of real samples within a sphere of a generated sample: their coverage. Both depend
    on the numbers of samples, so only compare values computed from equal numbers. The time is quadratic in them.

    Source: Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models", 2019.

    Args:
        real: Tensor of the features of real samples, of shape `(n, features)`.
        fake: Tensor of the features of generated samples, of shape `(m, features)`.
        neighbors: Number k of the neighbor that determines the radius.

    Returns:
        A tuple `(precision, recall)` of numbers in [0, 1].

    Raises:
        ValueError: If the shapes do not match, a feature is not finite, or a set has no more than `neighbors` samples.

    Example:
        >>> real = [[0.0], [1.0], [2.0], [3.0]]
        >>> sample_precision_recall(real, [[0.1], [0.2], [0.9], [9.0]], neighbors=1)
        (0.75, 1.0)
    """
    real, fake = feature_sets(real, fake)
    check(is_integer(neighbors) and neighbors > 0, "neighbors", neighbors, "a positive integer")
    for name, features in (("real", real), ("fake", fake)):
        received = Verbatim(f"{len(features)} samples")
        check(len(features) > neighbors, name, received, f"more than {neighbors} samples, the number of neighbors")
    return _covered(real, fake, neighbors), _covered(fake, real, neighbors)


def _covered(of: np.ndarray, others: np.ndarray, neighbors: int) -> float:
    """Return the fraction of other samples that lie within a sphere of a set of samples."""
    # The nearest sample of the set is each sample itself.
    radii = np.concatenate([np.partition(part, neighbors, axis=1)[:, neighbors] for part in _distances(of, of)])
    return float(np.mean(np.concatenate([np.any(part <= radii, axis=1) for part in _distances(others, of)])))


def _distances(rows: np.ndarray, columns: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the squared distances of all pairs, for some rows at a time."""
    squares = np.sum(columns**2, axis=1)
    for start in range(0, len(rows), ROWS):
        part = rows[start : start + ROWS]
        products = ops.convert_to_numpy(ops.matmul(part, columns.T))
        yield np.maximum(np.sum(part**2, axis=1)[:, None] + squares - 2 * products, 0)
