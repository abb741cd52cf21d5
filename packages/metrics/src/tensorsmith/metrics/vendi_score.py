"""Diversity of samples: the Vendi score."""

import numpy as np

from tensorsmith.core import export
from tensorsmith.core.types import TensorLike
from tensorsmith.metrics._support.feature_sets import features_of


@export
def vendi_score(features: TensorLike) -> float:
    """Return the Vendi score of samples: the effective number of different ones among them.

    It is 1 if all samples are equal, and the number of groups if the samples form groups of equal size that have
    nothing in common. For the diversity of generated samples, compare it with the score of real ones.

    Formula, with the eigenvalues e of the matrix of cosine similarities between all samples, divided by their number:

        score = exp(-Σ e log(e))

    Source: Friedman and Dieng, "The Vendi Score: A Diversity Evaluation Metric for Machine Learning", 2023.

    Args:
        features: Tensor of the features of samples, of shape `(samples, features)`. Samples whose features are all 0
            count as equal, and as different from all others.

    Returns:
        A number between 1 and the number of samples, which is at most one more than the number of features.

    Raises:
        ValueError: If the shape is wrong, or a feature is not finite.

    Example:
        >>> round(vendi_score([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 3.0]]), 6)  # two groups
        2.0
    """
    features = features_of("features", features)
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    unit = features / np.where(norms > 0, norms, 1)
    # The matrix of similarities (samples, samples) has the eigenvalues of this smaller one, and zeros.
    values = np.append(np.linalg.eigvalsh(unit.T @ unit / len(unit)), np.mean(norms == 0))
    values = values[values > 0]
    return float(np.exp(-np.sum(values * np.log(values))))
