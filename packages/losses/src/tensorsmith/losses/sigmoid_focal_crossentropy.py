"""Sigmoid focal cross-entropy loss for imbalanced binary classification."""

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
    """Return the focal loss of each sample, summed or averaged over the last axis.

    Half-precision inputs are computed in `float32`, which is also the dtype of the result.

    Args:
        y_true: Tensor of true targets, with values in [0, 1].
        y_pred: Tensor of predicted probabilities or logits, with the shape of `y_true`. A trailing axis of size 1 may
            be missing from one of the two tensors.
        alpha: Weight of the positive class, in [0, 1]; the weight of the negative class is 1 - alpha. If `None` or 0,
            no weighting is applied.
        gamma: Focusing parameter, `>= 0`, that reduces the loss of well-classified targets. If `None` or 0, the loss is
            not reduced.
        from_logits: If `True`, `y_pred` is interpreted as logits.
        class_reduction: Reduction over the last axis: `"sum"`, as in TensorFlow Addons, or `"mean"`, as in Keras
            losses.

    Returns:
        A tensor with the shape of `y_pred` without its last axis.

    Raises:
        ValueError: If `alpha`, `gamma` or `class_reduction` is not one of those above, or the shapes differ by more
            than a trailing axis of size 1.

    Example:
        >>> print(sigmoid_focal_crossentropy([[1.0]], [[0.5]]).numpy().round(4))  # 0.25 * 0.5**2 * log(2)
        [0.0433]
    """
    _check(alpha, gamma, class_reduction)
    y_true, y_pred = same_shape(*precise(y_true, y_pred))
    if from_logits:
        # Formulas for logits: 1 - sigmoid(x) would be rounded to 0 for large x.
        hit, miss = ops.sigmoid(y_pred), ops.sigmoid(-y_pred)
        entropy = y_true * ops.softplus(-y_pred) + (1 - y_true) * ops.softplus(y_pred)
    else:
        # A sum of probabilities can be rounded to a number above 1, and the power of a negative number is NaN.
        hit, epsilon = ops.clip(y_pred, 0, 1), keras.config.epsilon()
        miss = 1 - hit
        clipped = ops.clip(y_pred, epsilon, 1 - epsilon)
        entropy = -y_true * ops.log(clipped + epsilon) - (1 - y_true) * ops.log(1 - clipped + epsilon)
    # Modulating factor (1 - p)^gamma, which is 1 for a gamma of 0 or None.
    if gamma:
        # 1 - p of the formula, interpolated for targets between 0 and 1.
        wrong = y_true * miss + (1 - y_true) * hit
        # Bounded from below, because the gradient of a power below 1 is infinite at 0.
        entropy *= ops.power(ops.maximum(wrong, keras.config.epsilon()) if gamma < 1 else wrong, gamma)
    # Class weights: alpha for positive targets, 1 - alpha for negative ones.
    if alpha:
        entropy *= y_true * alpha + (1 - y_true) * (1 - alpha)
    return REDUCTIONS[class_reduction](entropy, axis=-1)


@export
class SigmoidFocalCrossEntropy(AddonsLoss):
    """Binary focal cross-entropy loss, which reduces the weight of well-classified targets.

    It prevents a large number of easy targets from dominating the loss.

    Formula, where p is the probability predicted for the true class, and a is alpha for positive targets and 1 - alpha
    for negative ones:

        loss = -a * (1 - p)^gamma * log(p)

    The loss is summed over the last axis, as in TensorFlow Addons, and therefore increases with the number of classes.
    `class_reduction="mean"` averages, like `keras.losses.BinaryFocalCrossentropy`. As in TensorFlow Addons, the batch
    is not reduced by default; pass `reduction="sum_over_batch_size"` for the mean. Without a reduction, training on
    several replicas is correct, but the loss that Keras reports is multiplied by their number, as for the losses of
    Keras: Keras reverts a division by the number of replicas that is only part of a mean.

    Source: Lin et al., "Focal Loss for Dense Object Detection", 2017.

    Args:
        from_logits: If `True`, `y_pred` is interpreted as logits, which is numerically more precise than probabilities.
        alpha: Weight of the positive class, in [0, 1]; the weight of the negative class is 1 - alpha. If `None` or 0,
            no weighting is applied.
        gamma: Focusing parameter, `>= 0`, that reduces the loss of well-classified targets. If `None` or 0, the loss is
            not reduced.
        reduction: Type of reduction to apply to the loss. Supported options are those of `keras.losses.Loss`.
        name: Name of the loss instance.
        class_reduction: Reduction over the last axis, `"sum"` or `"mean"`.
        dtype: Data type of the computation. If `None`, `keras.config.floatx()` is used.

    Call arguments:
        y_true: Tensor of true targets, with values in [0, 1].
        y_pred: Tensor of predicted probabilities or logits.
        sample_weight: Optional weights, one per sample or one per element of the reduced shape.

    Input shape:
        Any rank `>= 1`; the same shape for both tensors, except for a trailing axis of size 1.

    Output shape:
        The input shape without its last axis, or a scalar if `reduction` is given.

    Raises:
        ValueError: If `alpha`, `gamma` or `class_reduction` is not one of those above.

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
        """Return the loss of each sample, before weighting and reduction."""
        return sigmoid_focal_crossentropy(
            y_true, y_pred, self.alpha, self.gamma, self.from_logits, self.class_reduction
        )

    def get_config(self) -> dict[str, Any]:
        """Return the config of the loss."""
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
    check(fits, "gamma", gamma, "a non-negative number or None")
    fits = class_reduction in REDUCTIONS
    remedy = "" if fits else did_you_mean(str(class_reduction), REDUCTIONS)
    check(fits, "class_reduction", class_reduction, "'sum' or 'mean'", remedy)
