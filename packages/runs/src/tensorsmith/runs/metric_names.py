"""Direction in which metrics improve, inferred from their names."""

import re
from typing import Literal

# Names of metrics of which larger values are better.
LARGER_IS_BETTER = frozenset(
    {"accuracy", "auc", "precision", "recall", "f1", "fbeta", "iou", "map", "bleu", "r2", "score", "likelihood", "psnr"}
)
# Names of losses and metrics of which smaller values are better.
SMALLER_IS_BETTER = frozenset(
    {"loss", "error", "divergence", "distance", "perplexity", "mse", "mae", "rmse", "crossentropy", "entropy", "bits"}
)


def best_direction(name: str) -> Literal["min", "max", ""]:
    """Return "min" if smaller values of a metric are better, "max" if larger ones are, or "" if it is unknown.

    Args:
        name: Name of the metric, such as "val_accuracy".

    Example:
        >>> best_direction("val_mean_squared_error")
        'min'
        >>> best_direction("negative_log_likelihood")
        'min'
    """
    words = set(re.split("[^a-z0-9]+", name.lower()))
    if "negative" in words and words & {"elbo", "likelihood"}:
        return "min"
    if not words & (LARGER_IS_BETTER | SMALLER_IS_BETTER):
        return ""
    return "min" if words & SMALLER_IS_BETTER else "max"
