"""Activity regularizer of sparse autoencoders, based on the KL divergence."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_number, plain
from tensorsmith.core.types import Tensor

# Since 3.14, Keras divides activity penalties by the batch size.
KERAS_DIVIDES = tuple(map(int, keras.__version__.split(".")[:2])) >= (3, 14)


@export
class KLDivergenceRegularizer(keras.regularizers.Regularizer):
    """Activity regularizer that keeps the mean activation of each unit close to a target, for sparse autoencoders.

    Activations must be in (0, 1), as those of a sigmoid. The mean is computed over the batch, so that batches should
    not be small. Formula, with the mean activation q of a unit over the batch, and the target p, summed over the units:

        penalty = weight Σ (p log(p / q) + (1 - p) log((1 - p) / (1 - q)))

    There are two averages over the batch: that in q, and that of Keras 3.14 or later, which divides every activity
    penalty by the batch size. For the same activations, the penalty is thus halved if the batch size is doubled, and it
    is 1 / 32 of the formula in batches of 32. With `batch_independent=True`, it is the formula for any batch size.

    Source: Ng, "Sparse autoencoder", CS294A lecture notes, 2011.

    Args:
        weight: Non-negative factor by which the penalty is multiplied.
        target: Float in (0, 1), the target mean activation.
        batch_independent: If `True`, multiply the penalty by the batch size, because Keras divides the penalty of an
            activity regularizer by the batch size.

    Call arguments:
        activations: The outputs of a layer. The mean is computed over all axes except the last one.

    Returns:
        The penalty, in at least float32.

    Raises:
        ValueError: If `weight` is not a non-negative number, or `target` is not a number in (0, 1).

    Example:
        >>> import keras
        >>> print(f"{float(KLDivergenceRegularizer(1.0, target=0.1)([[0.5], [0.5]])):.4f}")
        0.3681
        >>> layer = keras.layers.Dense(300, "sigmoid", activity_regularizer=KLDivergenceRegularizer(0.05, target=0.1))
        >>> activations = layer(keras.ops.zeros((2, 4)))  # 0.5 each; Keras divides by the two examples
        >>> print(f"{float(layer.losses[0]):.4f}")  # 0.05 * 300 * 0.3681 / 2
        2.7605
    """

    def __init__(self, weight: float, target: float = 0.1, batch_independent: bool = False):
        check(is_number(weight) and weight >= 0, "weight", weight, "a non-negative number")
        check(is_number(target) and 0 < target < 1, "target", target, "a number in (0, 1)")
        self.weight, self.target = plain((weight, target))
        self.batch_independent = batch_independent

    def __call__(self, activations: Tensor) -> Tensor:
        """Returns the sparsity penalty of a batch of activations."""
        activations = ops.convert_to_tensor(activations)
        precise = ops.cast(activations, keras.backend.result_type(activations.dtype, "float32"))
        # Mean activation q of each unit: (units,).
        mean = ops.mean(precise, axis=list(range(len(precise.shape) - 1)))
        # Clipping keeps the logarithms finite for units that are always 0 or 1.
        p, q = self.target, ops.clip(mean, 1e-7, 1 - 1e-7)
        penalty = self.weight * ops.sum(p * ops.log(p / q) + (1 - p) * ops.log((1 - p) / (1 - q)))
        if self.batch_independent and KERAS_DIVIDES:
            # Cancel the division by the batch size in Keras.
            penalty *= ops.cast(ops.shape(activations)[0], penalty.dtype)
        return penalty

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the regularizer."""
        return {"weight": self.weight, "target": self.target, "batch_independent": self.batch_independent}
