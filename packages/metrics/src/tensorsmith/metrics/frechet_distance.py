"""Metric for the Fréchet distance between real and generated samples."""

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
    """Fréchet distance between normal distributions fitted to the features of real and generated samples.

    With the features of an Inception network it is the Fréchet inception distance (FID) of images.

    Formula, with the means m and covariances C of both, with one degree of freedom subtracted:

        value = |m1 - m2|^2 + trace(C1 + C2 - 2 * (C1 C2)^(1/2))

    The value is a squared distance. The state contains means and sums of products of deviations, which do not suffer
    from cancellation as sums of squares do. The estimate is biased by the number of samples: only compare values
    computed from equal numbers of samples, which should be several times the number of features. The time of `result`
    is cubic in the number of features: with thousands of features, call it once instead of in each step of `evaluate`.

    Source: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule", 2017; Dowson and Landau, "The Fréchet
    Distance between Multivariate Normal Distributions", 1982; for the streaming update: Chan, Golub and LeVeque,
    "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979.

    Args:
        num_features: Number of features of each sample.
        name: Name of the metric instance.
        dtype: Data type of the result. If `None`, `keras.config.floatx()` is used. The state is stored in `float64`.

    Call arguments:
        y_true: Tensor of the features of real samples.
        y_pred: Tensor of the features of generated samples. Their number may differ from that of the real samples.
        sample_weight: Optional weights, one per sample of both sets. A weight of 2 is equivalent to repeating the
            sample.

    Input shape:
        `(batch, num_features)` for both tensors.

    Output shape:
        A scalar, which is 0 before the first update.

    Raises:
        ValueError: If `num_features` is not a positive integer, or a tensor has another shape.

    Example:
        >>> metric = FrechetDistance(num_features=1)
        >>> metric.update_state([[0.0], [2.0]], [[3.0], [5.0]])  # shifted by 3
        >>> float(metric.result())
        9.0
    """

    def __init__(self, num_features: int, name: str = "frechet_distance", dtype: DType | None = None):
        check_count("num_features", num_features)
        super().__init__(name=name, dtype=dtype)
        self.num_features = num_features
        # Moments of real and generated samples. They are not additive, so each replica has its own slot.
        self.counts = self.add_variable((slots(), 2), "zeros", dtype=STATE, name="counts")
        self.means = self.add_variable((slots(), 2, num_features), "zeros", dtype=STATE, name="means")
        products = (slots(), 2, num_features, num_features)
        self.products = self.add_variable(products, "zeros", dtype=STATE, name="products")

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Update the state with one batch."""
        new = [self._moments("y_true", y_true, sample_weight), self._moments("y_pred", y_pred, sample_weight)]
        slot, variables = own_slot(), (self.counts, self.means, self.products)
        kept = [ops.convert_to_tensor(variable) for variable in variables]
        # Merge the moments of the batch into the slot of this replica.
        merged = _merged([each[slot] for each in kept], [ops.stack(parts) for parts in zip(*new, strict=True)])
        for variable, before, now in zip(variables, kept, merged, strict=True):
            variable.assign(ops.scatter_update(before, [[slot]], now[None]))

    def result(self) -> Tensor:
        """Return the squared Fréchet distance."""
        of_slots = (ops.unstack(ops.convert_to_tensor(each)) for each in (self.counts, self.means, self.products))
        # Merge the slots of all replicas.
        counts, means, products = functools.reduce(_merged, zip(*of_slots, strict=True))
        # Unbiased covariances of real and generated samples: (features, features) each.
        real, fake = ops.unstack(ops.divide_no_nan(products, ops.maximum(counts - 1, 0.0)[:, None, None]))
        # The eigenvalues of C1 C2 equal those of the symmetric matrix C1^(1/2) C2 C1^(1/2), which remain real in
        # spite of rounding errors.
        values, vectors = ops.linalg.eigh(real)
        root = vectors * ops.sqrt(ops.maximum(values, 0)) @ ops.transpose(vectors)
        overlap = ops.sum(ops.sqrt(ops.maximum(ops.linalg.eigh(root @ fake @ root)[0], 0)))
        gap = ops.sum(ops.square(means[0] - means[1]))
        distance = gap + ops.trace(real) + ops.trace(fake) - 2 * overlap
        # Rounding errors can make a distance of 0 negative.
        return ops.cast(ops.maximum(distance, 0), self.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the metric."""
        return {**super().get_config(), "num_features": self.num_features}

    def _moments(
        self, name: str, values: TensorLike, sample_weight: TensorLike | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the sum of the weights, the mean, and the sum of outer products of deviations for a batch."""
        features = ops.cast(values, STATE)
        fits = len(features.shape) == 2 and features.shape[-1] == self.num_features
        check(fits, name, tuple(features.shape), f"have shape (batch, {self.num_features})")
        weights = weights_of(features[:, 0], sample_weight, values)[:, None]
        features = ops.where(weights == 0, 0.0, features)  # samples of weight 0 may be NaN
        count = ops.sum(weights)
        mean = ops.divide_no_nan(ops.sum(weights * features, axis=0), count)
        apart = features - mean
        return count, mean, ops.matmul(ops.transpose(weights * apart), apart)


def _merged(first: Sequence[Tensor], second: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the moments of the union of two sets of samples, for both real and generated samples."""
    # Pairwise update of Chan, Golub and LeVeque.
    (count, mean, products), (more, other, others) = first, second
    step, share = other - mean, ops.divide_no_nan(more, count + more)[:, None]
    # Contribution of the difference between the two means: (2, features, features).
    between = (count[:, None] * share)[..., None] * step[:, :, None] * step[:, None]
    return count + more, mean + share * step, products + others + between
