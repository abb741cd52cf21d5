"""Base of the triplet losses."""

from collections.abc import Mapping
from typing import Any, ClassVar

from tensorsmith.core import SharedDocstrings
from tensorsmith.core.types import DType
from tensorsmith.losses._support.distances import Metric, metric_config, metric_from
from tensorsmith.losses._support.label_loss import LabelLoss
from tensorsmith.losses._support.margin import check_margin

ARGUMENTS = """\
distance_metric: "L2", "squared-L2", "angular" (1 - cosine), or a function from embeddings to the matrix of
    distances, registered with Keras if the loss is to be saved.
name: Name of the loss.
reduction: How to make one number of the anchors' losses, as for every Keras loss; TensorFlow Addons, which
    ignores it, always averages.
dtype: Precision of the computation; `None` means Keras' default float."""
CALL = """\
Call arguments:
    y_true: Labels of any type, compared exactly, however large.
    y_pred: Embeddings, most often of length 1.
    sample_weight: Optional weights, one an anchor.

Input shape:
    `(batch,)` or `(batch, 1)`, and `(batch, features)`."""


class TripletLoss(SharedDocstrings, LabelLoss):
    """Loss with a margin between the distances of an anchor to samples of its label and to those of others."""

    shared_texts: ClassVar[Mapping[str, str]] = {"arguments": ARGUMENTS, "call": CALL}

    def __init__(self, margin: float, distance_metric: Metric, name: str, reduction: str | None, dtype: DType | None):
        check_margin(margin)
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.margin = margin
        self.distance_metric = metric_from(distance_metric)

    def get_config(self) -> dict[str, Any]:
        """Return all arguments that both losses have."""
        metric = metric_config(self.distance_metric)
        return {**super().get_config(), "margin": self.margin, "distance_metric": metric}
