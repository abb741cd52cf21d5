"""Base class for triplet losses."""

from collections.abc import Mapping
from typing import Any, ClassVar

from tensorsmith.core import SharedDocstrings
from tensorsmith.core.types import DType
from tensorsmith.losses._support.distances import Metric, metric_config, metric_from
from tensorsmith.losses._support.label_loss import LabelLoss
from tensorsmith.losses._support.margin import check_margin

ARGUMENTS = """\
distance_metric: Distance metric: `"L2"`, `"squared-L2"`, `"angular"` (1 - cosine similarity), or a function that maps
    embeddings to the distance matrix. To save the loss, register the function with Keras.
name: Name of the loss instance.
reduction: Type of reduction to apply to the loss. Supported options are those of `keras.losses.Loss`.
    TensorFlow Addons ignores the argument and always averages.
dtype: Data type of the computation. If `None`, `keras.config.floatx()` is used."""
CALL = """\
Call arguments:
    y_true: Tensor of labels, of any dtype. They are compared exactly, without a cast.
    y_pred: Tensor of embeddings, usually normalized to unit length.
    sample_weight: Optional weights, one per anchor.

Input shape:
    `y_true`: `(batch,)` or `(batch, 1)`. `y_pred`: `(batch, features)`."""


class TripletLoss(SharedDocstrings, LabelLoss):
    """Base class for triplet losses, which separate the distances to positives and negatives by a margin."""

    shared_texts: ClassVar[Mapping[str, str]] = {"arguments": ARGUMENTS, "call": CALL}

    def __init__(self, margin: float, distance_metric: Metric, name: str, reduction: str | None, dtype: DType | None):
        check_margin(margin)
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.margin = margin
        self.distance_metric = metric_from(distance_metric)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the loss."""
        metric = metric_config(self.distance_metric)
        return {**super().get_config(), "margin": self.margin, "distance_metric": metric}
