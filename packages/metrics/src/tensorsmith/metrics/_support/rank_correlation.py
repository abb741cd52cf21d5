"""What the correlations of ranks share: a histogram, or all samples."""

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
By default it is TensorFlow Addons' estimate: targets and predictions are sorted into bins, and those in one bin
count as equal. Give the ranges of the values, which are 0 to 1 unless said otherwise; or a `capacity`, for the
exact value."""
CAPACITY = """\
capacity: None estimates from a histogram. A number keeps as many samples on each replica, also of weight 0, and
    gives their exact coefficient; ranges and cut points then have no use."""
RAISES = """\
Raises:
    ValueError: A range is empty, there are fewer than two cut points, or
        `capacity` is no positive integer. More samples than fit raise InvalidArgumentError."""


class RankCorrelation(HistogramMetric):
    """Base of rank correlations: of a histogram, or exact if a capacity says how many samples to keep.

    Subclasses have `of_table` and `of_samples`.
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
            self.samples = self.add_variable((slots(), capacity, 3), "zeros", dtype=STATE, name="samples")
            self.seen = self.add_variable((slots(),), "zeros", dtype=STATE, name="seen")

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Takes in one batch."""
        if self.capacity is None:
            self.update_table(y_true, y_pred, sample_weight)
            return
        keep(self.samples, self.seen, ops.stack(samples_of(y_true, y_pred, sample_weight), axis=1))

    def result(self) -> Tensor:
        """The correlation."""
        if self.capacity is None:
            return ops.cast(self.table_result(), self.dtype)
        x, y, weights = ops.unstack(ops.reshape(self.samples, (-1, 3)), axis=1)
        value = ops.where(ops.sum(weights) == 0, 0.0, self.of_samples(x, y, weights))
        return ops.cast(value, self.dtype)

    def of_samples(self, x: Tensor, y: Tensor, weights: Tensor) -> Tensor:
        """The correlation of samples, of which those count that weigh something."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {**super().get_config(), "capacity": self.capacity}
