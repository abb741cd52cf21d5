"""Cross-entropy of similarities for the n-pairs losses."""

from keras import ops

from tensorsmith.core import check
from tensorsmith.core.types import Tensor
from tensorsmith.losses._support.precision import precise


def cross_entropy(alike: Tensor, similarities: Tensor) -> Tensor:
    """Return the softmax cross-entropy of each row, with targets proportional to `alike`, or 0 if a row of it is 0.

    Args:
        alike: Target similarity of two samples, of shape `(batch, batch)`, `>= 0`.
        similarities: Tensor of logits, of shape `(batch, batch)`.
    """
    alike, logits = precise(alike, similarities)
    fits = logits.shape.is_compatible_with(alike.shape)
    check(fits, "y_pred", tuple(logits.shape), f"similarities of shape {tuple(alike.shape)}")
    targets = ops.divide_no_nan(alike, ops.sum(alike, axis=1, keepdims=True))
    return -ops.sum(targets * ops.log_softmax(logits, axis=1), axis=1)
