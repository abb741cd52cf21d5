"""The F1 score."""

from typing import Any

from tensorsmith.core import export
from tensorsmith.core.types import DType
from tensorsmith.metrics.fbeta_score import FBetaScore


@export
class F1Score(FBetaScore):
    """Harmonic mean of precision and recall: `FBetaScore` with a beta of 1.

    Formula, for each class:

        value = 2 * precision * recall / (precision + recall)

    Source: van Rijsbergen, "Information Retrieval", 1979.

    Args:
        num_classes: Number of classes; 1 for a single label, there or not.
        average: None, "micro", "macro" or "weighted", as for `FBetaScore`.
        threshold: Scores above it are decided to be 1, others 0. None: the largest of a sample is 1, unless it is 0.
        name: Name of the metric.
        dtype: Precision of the result; `None` means Keras' default float. Counts are kept in float64.
        sparse_labels: The labels are class numbers instead of zeros and ones, and so are predictions of integer type.

    Call arguments:
        y_true: Labels of 0 and 1, or class numbers.
        y_pred: Scores, or class numbers.
        sample_weight: Optional weights, one a sample.

    Input shape:
        As for `FBetaScore`.

    Output shape:
        `(num_classes,)` if `average` is None, else a scalar.

    Raises:
        ValueError: As for `FBetaScore`.

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
        """All arguments."""
        config = super().get_config()
        del config["beta"]
        return config
