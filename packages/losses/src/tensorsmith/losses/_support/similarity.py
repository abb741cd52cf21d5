"""Softmax cross-entropy of similarities, used by the n-pairs losses."""

from keras import ops

from tensorsmith.core import check
from tensorsmith.core.types import Tensor
from tensorsmith.losses._support.precision import precise


def cross_entropy(alike: Tensor, similarities: Tensor) -> Tensor:
    """Return the softmax cross-entropy of each row, with the normalized rows of `alike` as targets.

    Args:
        alike: Target similarities between samples, a non-negative matrix of shape `(batch, batch)`.
        similarities: Tensor of logits, of shape `(batch, batch)`.
    """
    alike, logits = precise(alike, similarities)
    fits = logits.shape.is_compatible_with(alike.shape)
    check(fits, "y_pred", tuple(logits.shape), f"a similarity matrix of shape {tuple(alike.shape)}")
    # The targets of a row sum to 1, or are all 0 for a row without similar samples.
    targets = ops.divide_no_nan(alike, ops.sum(alike, axis=1, keepdims=True))
    return -ops.sum(targets * ops.log_softmax(logits, axis=1), axis=1)
