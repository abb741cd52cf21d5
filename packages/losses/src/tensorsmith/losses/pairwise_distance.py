"""Matrix of Euclidean distances between embeddings."""

from tensorsmith.core import export
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.losses._support.distances import distance_matrix


@export
def pairwise_distance(feature: TensorLike, squared: bool = False) -> Tensor:
    """Return the matrix of Euclidean distances between embeddings.

    Formula, for the embeddings a and b:

        d(a, b) = ||a - b||        or its square

    The gradient is 0, not infinite, where two embeddings are equal. This is the distance metric `"L2"` or
    `"squared-L2"` of the triplet losses.

    Source: Schroff et al., "FaceNet: A Unified Embedding for Face Recognition and Clustering", 2015.

    Args:
        feature: Tensor of embeddings, of shape `(batch, features)`. For half-precision inputs, the computation uses
            `float32`, which is also the dtype of the result.
        squared: If `True`, return squared distances.

    Returns:
        A tensor of shape `(batch, batch)`.

    Raises:
        ValueError: If `feature` does not have shape `(batch, features)`.

    Example:
        >>> print(pairwise_distance([[0.0, 0.0], [3.0, 4.0]]).numpy())
        [[0. 5.]
         [5. 0.]]
    """
    return distance_matrix(feature, "squared-L2" if squared else "L2", "feature")
