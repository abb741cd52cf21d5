"""Weighted kappa loss for ordinal classification."""

import math
from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, did_you_mean, export, is_integer, is_number
from tensorsmith.core.keras_internals import keras_mask
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.losses._support.addons_loss import AddonsLoss
from tensorsmith.losses._support.precision import precise
from tensorsmith.losses._support.shapes import same_shape

DISTANCES = {"linear": ops.abs, "quadratic": ops.square}


@export
class WeightedKappaLoss(AddonsLoss):
    """Weighted kappa loss for ordinal classification, which weights errors by the distance between classes.

    Errors are weighted by the distance between the true and the predicted class, relative to the errors expected by
    chance.

    Formula, with samples i, classes j and k, the class c of a sample, predicted probabilities p, the frequency q of
    each class, and d(a, b) = |a - b| or its square:

        loss = log(sum_ij d(c_i, j) p_ij / sum_ijk q_k d(k, j) p_ij + epsilon)

    This is log(1 - kappa + epsilon): 0 for chance-level predictions, and negative for better ones.

    The loss is one number for all samples of a batch and depends on how the data are split into batches, because chance
    agreement is estimated from the batch; the estimate improves with the batch size. Sample weights and masks enter the
    sums: a weight of 2 is equivalent to repeating the sample, and if all weights are 0 the loss is 0. TensorFlow Addons
    does not support weights; its default reduction is "none", which has no effect there.

    Source: de la Torre, Puig and Valls, "Weighted Kappa Loss Function for Multi-Class Classification of Ordinal Data in
    Deep Learning", 2018.

    Args:
        num_classes: Number of ordinal classes.
        weightage: Weighting of misclassifications, `"linear"` or `"quadratic"`.
        name: Name of the loss instance.
        epsilon: Small float added inside the logarithm for numerical stability. If `None` or 0,
            `keras.config.epsilon()` is used.
        reduction: Type of reduction to apply to the loss. Supported options are those of `keras.losses.Loss`.
        dtype: Data type of the computation. If `None`, `keras.config.floatx()` is used.

    Call arguments:
        y_true: Tensor of one-hot labels.
        y_pred: Tensor of predicted probabilities.
        sample_weight: Optional weights, one per sample.

    Input shape:
        `(batch, num_classes)` for both tensors.

    Output shape:
        A scalar, or `(batch,)` with the same number for each sample if `reduction` is `None`.

    Raises:
        ValueError: If `num_classes` is not an integer `>= 2`, `weightage` is not one of the two, `epsilon` is negative,
            or the number of classes in the inputs differs from `num_classes`.

    Example:
        >>> loss = WeightedKappaLoss(num_classes=2, epsilon=1e-3)
        >>> y_true = [[1.0, 0.0], [0.0, 1.0]]
        >>> round(float(loss(y_true, [[1.0, 0.0], [0.0, 1.0]])), 4)  # kappa = 1
        -6.9078
        >>> round(float(loss(y_true, [[0.5, 0.5], [0.5, 0.5]])), 4)  # kappa = 0
        0.001
    """

    always_averaged = True

    def __init__(
        self,
        num_classes: int,
        weightage: str = "quadratic",
        name: str = "cohen_kappa_loss",
        epsilon: float | None = 1e-6,
        reduction: str | None = "sum_over_batch_size",
        dtype: DType | None = None,
    ):
        check(is_integer(num_classes) and num_classes > 1, "num_classes", num_classes, "an integer >= 2")
        fits, remedy = weightage in DISTANCES, did_you_mean(str(weightage), DISTANCES)
        check(fits, "weightage", weightage, "'linear' or 'quadratic'", remedy)
        fits = epsilon is None or (is_number(epsilon) and epsilon >= 0)
        check(fits, "epsilon", epsilon, "a non-negative number or None")
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.num_classes = num_classes
        self.weightage = weightage
        self.epsilon = epsilon or keras.config.epsilon()

    def __call__(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> Tensor:
        """Return the reduced loss of a batch."""
        # Pass weights and mask to `call`: Keras would multiply the logarithm by them.
        given = (sample_weight, keras_mask(y_pred))
        return super().__call__((y_true, *(weights for weights in given if weights is not None)), y_pred)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the batch loss, repeated for each sample. `y_true` may be a tuple of one-hot labels and weights."""
        y_true, *weights = y_true if isinstance(y_true, tuple) else (y_true,)
        *weights, y_true, y_pred = precise(*weights, y_true, y_pred)
        for name, classes in (("y_true", y_true), ("y_pred", y_pred)):
            fits = len(classes.shape) == 2 and classes.shape[-1] == self.num_classes
            check(
                fits,
                name,
                tuple(classes.shape),
                f"have shape (batch, {self.num_classes})",
                "encode the classes as one-hot vectors",
            )
        y_true, y_pred = same_shape(y_true, y_pred)
        # The product of sample weights and mask: (batch, 1).
        weights = math.prod((ops.reshape(each, (-1, 1)) for each in weights), start=ops.ones_like(y_true[:, :1]))
        distance, classes = DISTANCES[self.weightage], ops.arange(self.num_classes, dtype=y_pred.dtype)
        # Observed error. The product with the class indices gives the true class of each sample: (batch, 1).
        found = ops.sum(weights * distance(ops.matmul(y_true, classes[:, None]) - classes) * y_pred)
        # Expected error: true and predicted classes are independent, with the frequencies of the batch.
        true_sums, predicted_sums = ops.sum(weights * y_true, axis=0), ops.sum(weights * y_pred, axis=0)
        # Sum over all pairs of a true and a predicted class: (classes, classes).
        far = ops.sum(true_sums[:, None] * distance(classes[:, None] - classes) * predicted_sums)
        total = ops.sum(weights)
        # q in the formula is a frequency: divide the sums of the true classes by the total weight.
        chance = ops.divide_no_nan(far, total)
        loss = ops.log(ops.divide_no_nan(found, chance) + self.epsilon)
        # A total weight of 0 is not perfect agreement.
        return ops.where(total == 0, 0, loss) * ops.ones_like(y_pred[:, 0])

    def get_config(self) -> dict[str, Any]:
        """Return the config of the loss."""
        own = {
            "num_classes": self.num_classes,
            "weightage": self.weightage,
            "epsilon": self.epsilon,
            "dtype": self.dtype,
        }
        return {**super().get_config(), **own}
