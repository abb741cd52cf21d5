"""Base class for rank correlations, computed from a histogram or from all individual samples."""

from collections.abc import Mapping
from typing import Any, ClassVar

from keras import ops

from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.counts import check_count
from tensorsmith.metrics._support.histogram_metric import HistogramMetric
from tensorsmith.metrics._support.kept import keep
from tensorsmith.metrics._support.replicas import slots
from tensorsmith.metrics._support.weighting import STATE, samples_of

ESTIMATE = """\
By default it is the estimate of TensorFlow Addons: targets and predictions are assigned to bins, and values in
the same bin are treated as equal. Pass the ranges of the values, which default to 0 to 1, or a `capacity` for
the exact value."""
CAPACITY = """\
capacity: Maximum number of samples per replica, including samples of weight 0. If given, the exact coefficient is
    computed, and ranges and cut points are ignored. If `None`, the coefficient is estimated from a histogram."""
RAISES = """\
Raises:
    ValueError: If a range is empty, there are fewer than two cut points, or `capacity` is not a positive integer.
        Exceeding the capacity raises InvalidArgumentError."""


class RankCorrelation(HistogramMetric):
    """Base class for rank correlations, estimated from a histogram or, if `capacity` is set, computed exactly.

    Subclasses implement `of_table` and `of_samples`.
    """

    shared_texts: ClassVar[Mapping[str, str]] = {
        **HistogramMetric.shared_texts,
        "estimate": ESTIMATE,
        "capacity": CAPACITY,
        "raises": RAISES,
    }

    def __init__(
        self,
        actual_min: float = 0.0,
        actual_max: float = 1.0,
        preds_min: float = 0.0,
        preds_max: float = 1.0,
        actual_cutpoints: int = 100,
        preds_cutpoints: int = 100,
        name: str | None = None,
        dtype: DType | None = None,
        capacity: int | None = None,
    ):
        super().__init__(actual_min, actual_max, preds_min, preds_max, actual_cutpoints, preds_cutpoints, name, dtype)
        self.capacity = capacity
        if capacity is None:
            self.add_table()
        else:
            check_count("capacity", capacity)
            # Columns: target, prediction and weight of each sample.
            self.samples = self.add_variable((slots(), capacity, 3), "zeros", dtype=STATE, name="samples")
            self.seen = self.add_variable((slots(),), "zeros", dtype=STATE, name="seen")

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Update the state with one batch."""
        if self.capacity is None:
            self.update_table(y_true, y_pred, sample_weight)
            return
        keep(self.samples, self.seen, ops.stack(samples_of(y_true, y_pred, sample_weight), axis=1))

    def result(self) -> Tensor:
        """Return the rank correlation of all samples since the last reset."""
        if self.capacity is None:
            return ops.cast(self.table_result(), self.dtype)
        # Unused rows have weight 0, so that the slots of all replicas can be concatenated.
        x, y, weights = ops.unstack(ops.reshape(self.samples, (-1, 3)), axis=1)
        value = ops.where(ops.sum(weights) == 0, 0.0, self.of_samples(x, y, weights))
        return ops.cast(value, self.dtype)

    def of_samples(self, x: Tensor, y: Tensor, weights: Tensor) -> Tensor:
        """Return the exact correlation of the samples with nonzero weights."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return the config of the metric."""
        return {**super().get_config(), "capacity": self.capacity}
