"""Base class for Kendall rank correlations."""

from collections.abc import Mapping
from typing import ClassVar

from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.metrics._support.pair_counts import count_of_table
from tensorsmith.metrics._support.rank_correlation import CAPACITY, RankCorrelation
from tensorsmith.ops import PairCounts, pair_counts

UNCOMPILED = """\
    The exact coefficient is not supported by XLA, whose error "must be a compile-time constant" does not name the
    metric: compile models that use it with `jit_compile=False`."""


class KendallsTau(RankCorrelation):
    """Base class for rank correlations computed from the counts of concordant, discordant and tied pairs."""

    shared_texts: ClassVar[Mapping[str, str]] = {
        **RankCorrelation.shared_texts,
        "capacity": f"{CAPACITY}\n{UNCOMPILED}",
    }

    def tau(self, counts: PairCounts) -> Tensor:
        """Return the correlation coefficient, given the pair counts."""
        raise NotImplementedError

    def of_table(self, table: Tensor, actual: TensorLike, preds: TensorLike) -> Tensor:
        """Return the correlation coefficient of a histogram."""
        return self.tau(count_of_table(table))

    def of_samples(self, x: Tensor, y: Tensor, weights: Tensor) -> Tensor:
        """Return the exact correlation coefficient of the samples."""
        return self.tau(pair_counts(x, y, weights))
