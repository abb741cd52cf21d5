"""F1 score metric for multi-class and multi-label classification."""

from typing import Any

from tensorsmith.core import export
from tensorsmith.core.types import DType
from tensorsmith.metrics.fbeta_score import FBetaScore


@export
class F1Score(FBetaScore):
    """F1 score, the harmonic mean of precision and recall: `FBetaScore` with `beta=1`.

    Formula, for each class:

        value = 2 * precision * recall / (precision + recall)

    Source: van Rijsbergen, "Information Retrieval", 1979.

    Args:
        num_classes: Number of classes, or 1 for a single binary label.
        average: Type of averaging: `None`, `"micro"`, `"macro"` or `"weighted"`, as in `FBetaScore`.
        threshold: Threshold of the scores. Scores above the threshold are converted to 1, all other scores to 0. If
            `None`, the largest score of each sample is converted to 1 unless that score is 0.
        name: Name of the metric instance.
        dtype: Data type of the result. If `None`, `keras.config.floatx()` is used. Counts are accumulated in `float64`.
        sparse_labels: If `True`, labels are integer class indices instead of binary vectors. Predictions of integer
            dtype are then also interpreted as class indices.

    Call arguments:
        y_true: Tensor of binary labels, or class indices.
        y_pred: Tensor of scores, or class indices.
        sample_weight: Optional weights, one per sample.

    Input shape:
        The same as for `FBetaScore`.

    Output shape:
        `(num_classes,)` if `average` is `None`, otherwise a scalar.

    Raises:
        ValueError: In the same cases as `FBetaScore`.

    Example:
        >>> metric = F1Score(num_classes=1, threshold=0.5)
        >>> metric.update_state([1, 0, 1, 1], [0.8, 0.7, 0.4, 0.9])
        >>> print(metric.result().numpy().round(4))
        [0.6667]
    """

    def __init__(
        self,
        num_classes: int,
        average: str | None = None,
        threshold: float | None = None,
        name: str = "f1_score",
        dtype: DType | None = None,
        sparse_labels: bool = False,
    ):
        super().__init__(num_classes, average, 1.0, threshold, name, dtype, sparse_labels)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the metric."""
        config = super().get_config()
        del config["beta"]
        return config
