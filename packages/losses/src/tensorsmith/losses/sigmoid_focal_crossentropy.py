"""The focal loss of independent classes."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, did_you_mean, export, is_number
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.losses._support.addons_loss import AddonsLoss
from tensorsmith.losses._support.precision import precise
from tensorsmith.losses._support.shapes import same_shape

REDUCTIONS = {"sum": ops.sum, "mean": ops.mean}


@export
def sigmoid_focal_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    alpha: float | None = 0.25,
    gamma: float | None = 2.0,
    from_logits: bool = False,
    class_reduction: str = "sum",
) -> Tensor:
    """Focal loss of every sample: the sum, or the mean, over the last axis.

    Half precision is computed, and returned, in float32.

    Args:
        y_true: Targets, 0 or 1, or between them.
        y_pred: Probabilities, or logits, of the shape of `y_true`. A last axis of size 1 that only one of the two has
            is forgiven.
        alpha: Weight of targets 1, in [0, 1]; targets 0 weigh 1 - alpha. None or 0 weighs neither.
        gamma: How strongly well classified targets fade, 0 or more. None or 0 does not fade them.
        from_logits: Whether `y_pred` are logits.
        class_reduction: "sum", as TensorFlow Addons does, or "mean", as Keras does for its losses.

    Returns:
        Tensor of the shape of `y_pred` without its last axis.

    Raises:
        ValueError: `alpha`, `gamma` or `class_reduction` is none of the above, or the shapes differ by more than a last
            axis of size 1.

    Example:
        >>> print(sigmoid_focal_crossentropy([[1.0]], [[0.5]]).numpy().round(4))  # 0.25 * 0.5**2 * log(2)
        [0.0433]
    """
    _check(alpha, gamma, class_reduction)
    y_true, y_pred = same_shape(*precise(y_true, y_pred))
    if from_logits:
        # The logits' own formulas: 1 - sigmoid(x) would be rounded to 0 for large x.
        hit, miss = ops.sigmoid(y_pred), ops.sigmoid(-y_pred)
        entropy = y_true * ops.softplus(-y_pred) + (1 - y_true) * ops.softplus(y_pred)
    else:
        # A sum of probabilities can be rounded to above 1, and a power of what is below 0 is no number.
        hit, epsilon = ops.clip(y_pred, 0, 1), keras.config.epsilon()
        miss = 1 - hit
        clipped = ops.clip(y_pred, epsilon, 1 - epsilon)
        entropy = -y_true * ops.log(clipped + epsilon) - (1 - y_true) * ops.log(1 - clipped + epsilon)
    if gamma:
        wrong = y_true * miss + (1 - y_true) * hit
        # The slope at 0 of a power below 1 is infinite.
        entropy *= ops.power(ops.maximum(wrong, keras.config.epsilon()) if gamma < 1 else wrong, gamma)
    if alpha:
        entropy *= y_true * alpha + (1 - y_true) * (1 - alpha)
    return REDUCTIONS[class_reduction](entropy, axis=-1)


@export
class SigmoidFocalCrossEntropy(AddonsLoss):
    """Binary cross-entropy that fades for targets classified well, so that the many easy ones do not drown the rest.

    Formula, with p the probability given to what is true, and a = alpha for targets 1, 1 - alpha for targets 0:

        loss = -a * (1 - p)^gamma * log(p)

    summed over the last axis as TensorFlow Addons does, so that it grows with the number of classes;
    `class_reduction="mean"` averages, as `keras.losses.BinaryFocalCrossentropy` does. As in Addons, the batch is not
    reduced by default; give `reduction="sum_over_batch_size"` for a mean. Unreduced on several replicas it trains
    right, but Keras reports it times their number, as it does with its own losses: it takes back a division by that
    number that there was only in a mean.

    Source: Lin et al., "Focal Loss for Dense Object Detection", 2017.

    Args:
        from_logits: Whether predictions are logits, which is more precise than probabilities.
        alpha: Weight of targets 1, in [0, 1]; targets 0 weigh 1 - alpha. None or 0 weighs neither.
        gamma: How strongly well classified targets fade, 0 or more. None or 0 does not fade them.
        reduction: How to make one number of a batch, as for every Keras loss.
        name: Name of the loss.
        class_reduction: "sum" or "mean": how to make one number of a sample's classes.
        dtype: Precision of the computation; `None` means Keras' default float.

    Call arguments:
        y_true: Targets, 0 or 1, or between them.
        y_pred: Probabilities, or logits.
        sample_weight: Optional weights, one a sample or one an element of the reduced shape.

    Input shape:
        Any rank from 1; both the same, but for a last axis of size 1.

    Output shape:
        The input shape without its last axis; a scalar with a `reduction`.

    Raises:
        ValueError: `alpha`, `gamma` or `class_reduction` is none of the above.

    Example:
        >>> loss = SigmoidFocalCrossEntropy(class_reduction="mean", reduction="sum_over_batch_size")
        >>> round(float(loss([[1.0, 0.0]], [[0.5, 0.5]])), 4)  # 0.5 * 0.5**2 * log(2)
        0.0866
    """

    def __init__(
        self,
        from_logits: bool = False,
        alpha: float | None = 0.25,
        gamma: float | None = 2.0,
        reduction: str | None = "none",
        name: str = "sigmoid_focal_crossentropy",
        class_reduction: str = "sum",
        dtype: DType | None = None,
    ):
        _check(alpha, gamma, class_reduction)
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.from_logits = from_logits
        self.alpha = alpha
        self.gamma = gamma
        self.class_reduction = class_reduction

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Loss of every sample, before weights and reduction."""
        return sigmoid_focal_crossentropy(
            y_true, y_pred, self.alpha, self.gamma, self.from_logits, self.class_reduction
        )

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        own = {
            "from_logits": self.from_logits,
            "alpha": self.alpha,
            "gamma": self.gamma,
            "class_reduction": self.class_reduction,
            "dtype": self.dtype,
        }
        return {**super().get_config(), **own}


def _check(alpha: float | None, gamma: float | None, class_reduction: str) -> None:
    fits = alpha is None or (is_number(alpha) and 0 <= alpha <= 1)
    check(fits, "alpha", alpha, "a number in [0, 1] or None")
    fits = gamma is None or (is_number(gamma) and gamma >= 0)
    check(fits, "gamma", gamma, "a number of 0 or more, or None")
    fits = class_reduction in REDUCTIONS
    remedy = "" if fits else did_you_mean(str(class_reduction), REDUCTIONS)
    check(fits, "class_reduction", class_reduction, "'sum' or 'mean'", remedy)
