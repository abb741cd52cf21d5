"""The penalty of sparse autoencoders."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_number, plain
from tensorsmith.core.types import Tensor

# Keras divides activity penalties by the batch size since 3.14.
KERAS_DIVIDES = tuple(map(int, keras.__version__.split(".")[:2])) >= (3, 14)


@export
class KLDivergenceRegularizer(keras.regularizers.Regularizer):
    """Keeps the mean activity of each neuron near a small target, for sparse autoencoders.

    It is an activity regularizer for activations in (0, 1), as a sigmoid's. It takes the mean over the batch, so
    batches should not be small.

    Formula, with the mean activity q of a neuron over the batch, and the target p, summed over neurons:

        penalty = weight Σ (p log(p / q) + (1 - p) log((1 - p) / (1 - q)))

    There are two averages over the batch: the one of q, and another by Keras 3.14 or later, which divides every
    activity penalty by the batch size. So the same activities cost half as much in batches that are twice as large,
    and the penalty is 1 / 32 of the formula in batches of 32. With `batch_independent=True` it is the formula, whatever
    the batch size.

    Source: Ng, "Sparse autoencoder", CS294A lecture notes, 2011.

    Args:
        weight: Factor of the penalty, 0 or more.
        target: The mean activity to aim at, in (0, 1).
        batch_independent: If `True`, the penalty is multiplied by the batch size where Keras divides by it.

    Call arguments:
        activations: The outputs of a layer; all axes but the last count as the batch's in the mean.

    Returns:
        The penalty, in at least float32.

    Raises:
        ValueError: `weight` is no number of 0 or more, or `target` is no number in (0, 1).

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
        check(is_number(weight) and weight >= 0, "weight", weight, "a number of 0 or more")
        check(is_number(target) and 0 < target < 1, "target", target, "a number in (0, 1)")
        self.weight, self.target = plain((weight, target))
        self.batch_independent = batch_independent

    def __call__(self, activations: Tensor) -> Tensor:
        """The penalty."""
        activations = ops.convert_to_tensor(activations)
        precise = ops.cast(activations, keras.backend.result_type(activations.dtype, "float32"))
        mean = ops.mean(precise, axis=list(range(len(precise.shape) - 1)))
        p, q = self.target, ops.clip(mean, 1e-7, 1 - 1e-7)
        penalty = self.weight * ops.sum(p * ops.log(p / q) + (1 - p) * ops.log((1 - p) / (1 - q)))
        if self.batch_independent and KERAS_DIVIDES:
            penalty *= ops.cast(ops.shape(activations)[0], penalty.dtype)
        return penalty

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {"weight": self.weight, "target": self.target, "batch_independent": self.batch_independent}
