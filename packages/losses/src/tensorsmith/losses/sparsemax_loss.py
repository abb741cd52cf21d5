"""Sparsemax loss for classification with sparse probabilities."""

import math
from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.losses._support.addons_loss import AddonsLoss
from tensorsmith.losses._support.precision import precise
from tensorsmith.losses._support.shapes import check_same_shape, same_shape


@export
def sparsemax_loss(logits: TensorLike, sparsemax: TensorLike, labels: TensorLike, name: str | None = None) -> Tensor:
    """Return the sparsemax loss of each sample, computed from logits and their sparsemax.

    The order of the arguments is that of TensorFlow Addons and differs from other losses. Logits may be negative
    infinity where the label is 0. Half-precision inputs are computed in `float32`, which is also the dtype of the
    result.

    Args:
        logits: Tensor of logits.
        sparsemax: Sparsemax of `logits`, as computed by `tensorsmith.layers.activations.sparsemax(logits)`.
        labels: Tensor of target probabilities, usually one-hot.
        name: Optional name for the graph scope.

    Returns:
        A tensor with the shape of `logits` without its last axis.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> print(sparsemax_loss([[0.0, 0.5]], [[0.25, 0.75]], [[0.0, 1.0]]).numpy())
        [0.0625]
    """
    with keras.name_scope(name or "sparsemax_loss"):
        sparsemax, labels, logits = precise(sparsemax, labels, logits)
        check_same_shape(sparsemax=sparsemax, labels=labels, logits=logits)
        # Mask infinite logits before the products: 0 times infinity is NaN, in the gradient as well.
        inside, wanted = sparsemax != 0, labels != 0  # NaN is propagated
        # The two dot products of the formula, p.(z - p / 2) and -q.(z - q / 2), before the sum.
        reached = sparsemax * (ops.where(inside, logits, 0) - sparsemax / 2)
        missed = labels * (labels / 2 - ops.where(wanted, logits, 0))
        return ops.sum(reached + missed, axis=-1)


@export
class SparsemaxLoss(AddonsLoss):
    """Sparsemax loss for classification: replaces softmax cross-entropy for models with sparsemax outputs.

    The loss is 0 if the logit of the target class exceeds all others by at least 1.

    Formula, with logits z, p = sparsemax(z) and target probabilities q:

        loss = p.(z - p / 2) - q.(z - q / 2)

    Its gradient is p - q. The classes are on the last axis. TensorFlow Addons sums over axis 1, which is a different
    axis for inputs with more than two axes.

    Source: Martins and Astudillo, "From Softmax to Sparsemax", 2016.

    Args:
        from_logits: Must be `True`, because the loss cannot be computed from probabilities.
        reduction: Type of reduction to apply to the loss. Supported options are those of `keras.losses.Loss`.
        name: Name of the loss instance.
        dtype: Data type of the computation. If `None`, `keras.config.floatx()` is used.

    Call arguments:
        y_true: Tensor of target probabilities, usually one-hot.
        y_pred: Tensor of logits.
        sample_weight: Optional weights, one per sample or one per element of the reduced shape.

    Input shape:
        Any rank `>= 1`, with the classes on the last axis; the same shape for both tensors.

    Output shape:
        A scalar, or the input shape without its last axis if `reduction` is `None`.

    Raises:
        ValueError: If `from_logits` is not `True`, or the shapes differ.

    Example:
        >>> loss = SparsemaxLoss(reduction=None)
        >>> print(loss([[0.0, 1.0], [0.0, 1.0]], [[0.0, 0.5], [0.0, 1.0]]).numpy())
        [0.0625 0.    ]
    """

    def __init__(
        self,
        from_logits: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str = "sparsemax_loss",
        dtype: DType | None = None,
    ):
        check(from_logits is True, "from_logits", from_logits, "True", "let the model return logits, not probabilities")
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.from_logits = from_logits

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each sample, before weighting and reduction."""
        y_true, y_pred = same_shape(*precise(y_true, y_pred))
        return sparsemax_loss(y_pred, _sparsemax(y_pred), y_true)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the loss."""
        return {**super().get_config(), "from_logits": self.from_logits, "dtype": self.dtype}


def _sparsemax(logits: Tensor) -> Tensor:
    """Return the sparsemax of logits as a constant, through which no gradient is propagated.

    The threshold is the maximum of the thresholds for each number of leading logits. The sort makes it slower than the
    sparsemax of `tensorsmith.layers`, which this package does not depend on.
    """
    (z,) = precise(ops.stop_gradient(logits))
    # Sparsemax is invariant to a shift. With a largest logit of 0, the sums below do not cancel.
    z -= ops.max(z, axis=-1, keepdims=True, initial=-math.inf)
    # Threshold if the k largest logits are the support: (their sum - 1) / k, for all k at once.
    ranks = ops.cast(ops.arange(1, ops.shape(z)[-1] + 1), z.dtype)
    leading = ops.cumsum(ops.flip(ops.sort(z, axis=-1), axis=-1), axis=-1)
    return ops.maximum(z - ops.max((leading - 1) / ranks, axis=-1, keepdims=True, initial=-math.inf), 0)
