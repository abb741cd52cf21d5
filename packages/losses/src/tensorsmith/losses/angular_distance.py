"""Matrix of angular distances between embeddings."""

from tensorsmith.core import export
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.losses._support.distances import distance_matrix


@export
def angular_distance(feature: TensorLike) -> Tensor:
    """Return the matrix of angular distances between embeddings: 1 - cosine similarity.

    Formula, for the embeddings a and b:

        d(a, b) = max(1 - a.b / (||a|| ||b||), 0)

    The distance from an embedding of zeros is 1. This is the distance metric `"angular"` of the triplet losses.

    Source: `angular_distance` of TensorFlow Addons.

    Args:
        feature: Tensor of embeddings, of shape `(batch, features)`. For half-precision inputs, the computation uses
            `float32`, which is also the dtype of the result.

    Returns:
        A tensor of shape `(batch, batch)`.

    Raises:
        ValueError: If `feature` does not have shape `(batch, features)`.

    Example:
        >>> print(angular_distance([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]]).numpy())
        [[0. 1. 2.]
         [1. 0. 1.]
         [2. 1. 0.]]
    """
    return distance_matrix(feature, "angular", "feature")
