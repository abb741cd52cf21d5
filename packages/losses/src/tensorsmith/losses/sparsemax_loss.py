"""The loss that belongs to sparsemax."""

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
    """Sparsemax loss of every sample, from logits and their sparsemax.

    The order of the arguments is TensorFlow Addons', not that of other losses. Logits of minus infinity are allowed
    where the label is 0. Half precision is computed, and returned, in float32.

    Args:
        logits: Logits.
        sparsemax: `tensorsmith.layers.activations.sparsemax(logits)`.
        labels: Probabilities that are wanted, most often one-hot.
        name: Name of the operations in a graph.

    Returns:
        Tensor of the shape of `logits` without its last axis.

    Raises:
        ValueError: The shapes differ.

    Example:
        >>> print(sparsemax_loss([[0.0, 0.5]], [[0.25, 0.75]], [[0.0, 1.0]]).numpy())
        [0.0625]
    """
    with keras.name_scope(name or "sparsemax_loss"):
        sparsemax, labels, logits = precise(sparsemax, labels, logits)
        check_same_shape(sparsemax=sparsemax, labels=labels, logits=logits)
        # 0 times minus infinity would be NaN, in the gradient too: neither factor may meet it.
        inside, wanted = sparsemax != 0, labels != 0  # NaN is inside, and stays
        reached = sparsemax * (ops.where(inside, logits, 0) - sparsemax / 2)
        missed = labels * (labels / 2 - ops.where(wanted, logits, 0))
        return ops.sum(reached + missed, axis=-1)


@export
class SparsemaxLoss(AddonsLoss):
    """What cross-entropy is to softmax, for sparsemax: 0 once the logit that is wanted leads all others by 1.

    Formula, with logits z, p = sparsemax(z) and the probabilities q that are wanted:

        loss = p.(z - p / 2) - q.(z - q / 2)

    whose gradient is p - q. Classes lie along the last axis; TensorFlow Addons' sums along axis 1, which is another one
    where there are more than two.

    Source: Martins and Astudillo, "From Softmax to Sparsemax", 2016.

    Args:
        from_logits: Must be True: the loss cannot be told from probabilities.
        reduction: How to make one number of a batch, as for every Keras loss.
        name: Name of the loss.
        dtype: Precision of the computation; `None` means Keras' default float.

    Call arguments:
        y_true: Probabilities that are wanted, most often one-hot.
        y_pred: Logits.
        sample_weight: Optional weights, one a sample or one an element of the reduced shape.

    Input shape:
        Any rank from 1; both the same, with the classes along the last axis.

    Output shape:
        A scalar, or with `reduction=None` the input shape without its last axis.

    Raises:
        ValueError: `from_logits` is not True, or the shapes differ.

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
        """Loss of every sample, before weights and reduction."""
        y_true, y_pred = same_shape(*precise(y_true, y_pred))
        return sparsemax_loss(y_pred, _sparsemax(y_pred), y_true)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {**super().get_config(), "from_logits": self.from_logits, "dtype": self.dtype}


def _sparsemax(logits: Tensor) -> Tensor:
    """Sparsemax as a constant, since its gradient takes no part in the loss's.

    The threshold is the greatest that any number of leading logits asks for. It takes a sort, where that of
    tensorsmith.layers, a room beside this one, is faster; but it is one line.
    """
    (z,) = precise(ops.stop_gradient(logits))
    z -= ops.max(z, axis=-1, keepdims=True, initial=-math.inf)
    ranks = ops.cast(ops.arange(1, ops.shape(z)[-1] + 1), z.dtype)
    leading = ops.cumsum(ops.flip(ops.sort(z, axis=-1), axis=-1), axis=-1)
    return ops.maximum(z - ops.max((leading - 1) / ranks, axis=-1, keepdims=True, initial=-math.inf), 0)
