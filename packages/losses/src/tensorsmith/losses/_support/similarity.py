"""Cross-entropy of similarities, for the n-pairs losses."""

from keras import ops

from tensorsmith.core import check
from tensorsmith.core.types import Tensor
from tensorsmith.losses._support.precision import precise


def cross_entropy(alike: Tensor, similarities: Tensor) -> Tensor:
    """Of every row: softmax cross-entropy with targets in proportion to `alike`; 0 for rows in which that is 0.

    Args:
        alike: How alike two samples shall be, `(batch, batch)`, 0 or more.
        similarities: The logits, `(batch, batch)`.
    """
    alike, logits = precise(alike, similarities)
    fits = logits.shape.is_compatible_with(alike.shape)
    check(fits, "y_pred", tuple(logits.shape), f"similarities, {tuple(alike.shape)}")
    targets = ops.divide_no_nan(alike, ops.sum(alike, axis=1, keepdims=True))
    return -ops.sum(targets * ops.log_softmax(logits, axis=1), axis=1)
