"""The distance of two sets of features."""

import functools
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.metrics._support.counts import check_count
from tensorsmith.metrics._support.replicas import own_slot, slots
from tensorsmith.metrics._support.weighting import STATE, weights_of


@export
class FrechetDistance(keras.metrics.Metric):
    """How far features of generated samples are from those of real ones, as normal distributions fitted to both.

    With the features of an Inception network it is the Fréchet inception distance (FID) of images.

    Formula, with means m and covariances C (that divide by one less than there are samples) of both:

        value = |m1 - m2|^2 + trace(C1 + C2 - 2 * (C1 C2)^(1/2))

    It is a squared length. Means and sums of products of deviations from them are kept, which does not cancel, as sums
    of squares do. It is biased by the number of samples: compare values of equally many, of at least some times as many
    as there are features. `result` takes a time that grows with the cube of the features: with thousands, call it once,
    not in every step of `evaluate`.

    Source: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule", 2017; Dowson and Landau, "The Fréchet
    Distance between Multivariate Normal Distributions", 1982; of the streaming: Chan, Golub and LeVeque, "Updating
    Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979.

    Args:
        num_features: Number of features.
        name: Name of the metric.
        dtype: Precision of the result; `None` means Keras' default float. State is kept in float64.

    Call arguments:
        y_true: Features of real samples.
        y_pred: Features of generated samples, as many or not.
        sample_weight: Optional weights, one a sample, of both: a sample of weight 2 counts as two.

    Input shape:
        `(batch, num_features)`, twice.

    Output shape:
        A scalar; 0 if nothing was seen.

    Raises:
        ValueError: `num_features` is no positive integer, or a tensor has another shape.

    Example:
        >>> metric = FrechetDistance(num_features=1)
        >>> metric.update_state([[0.0], [2.0]], [[3.0], [5.0]])  # the same, 3 to the right
        >>> float(metric.result())
        9.0
    """

    def __init__(self, num_features: int, name: str = "frechet_distance", dtype: DType | None = None):
        check_count("num_features", num_features)
        super().__init__(name=name, dtype=dtype)
        self.num_features = num_features
        # Of real and of generated samples; moments do not add up, so that each replica has its own.
        self.counts = self.add_variable((slots(), 2), "zeros", dtype=STATE, name="counts")
        self.means = self.add_variable((slots(), 2, num_features), "zeros", dtype=STATE, name="means")
        products = (slots(), 2, num_features, num_features)
        self.products = self.add_variable(products, "zeros", dtype=STATE, name="products")

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Takes in one batch."""
        new = [self._moments("y_true", y_true, sample_weight), self._moments("y_pred", y_pred, sample_weight)]
        slot, variables = own_slot(), (self.counts, self.means, self.products)
        kept = [ops.convert_to_tensor(variable) for variable in variables]
        merged = _merged([each[slot] for each in kept], [ops.stack(parts) for parts in zip(*new, strict=True)])
        for variable, before, now in zip(variables, kept, merged, strict=True):
            variable.assign(ops.scatter_update(before, [[slot]], now[None]))

    def result(self) -> Tensor:
        """The distance."""
        of_slots = (ops.unstack(ops.convert_to_tensor(each)) for each in (self.counts, self.means, self.products))
        counts, means, products = functools.reduce(_merged, zip(*of_slots, strict=True))
        real, fake = ops.unstack(ops.divide_no_nan(products, ops.maximum(counts - 1, 0.0)[:, None, None]))
        # The eigenvalues of C1 C2 are those of the symmetric C1^(1/2) C2 C1^(1/2), which rounding keeps real.
        values, vectors = ops.linalg.eigh(real)
        root = vectors * ops.sqrt(ops.maximum(values, 0)) @ ops.transpose(vectors)
        overlap = ops.sum(ops.sqrt(ops.maximum(ops.linalg.eigh(root @ fake @ root)[0], 0)))
        gap = ops.sum(ops.square(means[0] - means[1]))
        distance = gap + ops.trace(real) + ops.trace(fake) - 2 * overlap
        return ops.cast(ops.maximum(distance, 0), self.dtype)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {**super().get_config(), "num_features": self.num_features}

    def _moments(
        self, name: str, values: TensorLike, sample_weight: TensorLike | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Sum of weights, mean, and products of deviations from it, of a batch."""
        features = ops.cast(values, STATE)
        fits = len(features.shape) == 2 and features.shape[-1] == self.num_features
        check(fits, name, tuple(features.shape), f"(batch, {self.num_features})")
        weights = weights_of(features[:, 0], sample_weight, values)[:, None]
        features = ops.where(weights == 0, 0.0, features)  # what weighs nothing may be anything
        count = ops.sum(weights)
        mean = ops.divide_no_nan(ops.sum(weights * features, axis=0), count)
        apart = features - mean
        return count, mean, ops.matmul(ops.transpose(weights * apart), apart)


def _merged(first: Sequence[Tensor], second: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Moments of the samples of both, for real and generated ones at once."""
    (count, mean, products), (more, other, others) = first, second
    step, share = other - mean, ops.divide_no_nan(more, count + more)[:, None]
    between = (count[:, None] * share)[..., None] * step[:, :, None] * step[:, None]
    return count + more, mean + share * step, products + others + between
