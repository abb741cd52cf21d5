"""Targets and predictions of one shape, where others would broadcast in silence."""

from keras import ops

from tensorsmith.core import check
from tensorsmith.core.types import Tensor


def same_shape(y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
    """Both, with the last axis of size 1 that one of the two lacks: (n, 1) - (n,) would broadcast to (n, n).

    Args:
        y_true: Tensor of targets.
        y_pred: Tensor of predictions.

    Raises:
        ValueError: The shapes differ otherwise; a size known only later passes.
    """
    missing = len(y_pred.shape) - len(y_true.shape)
    if missing == 1 and y_pred.shape[-1] == 1:
        y_true = ops.expand_dims(y_true, -1)
    elif missing == -1 and y_true.shape[-1] == 1:
        y_pred = ops.expand_dims(y_pred, -1)
    check_same_shape(y_true=y_true, y_pred=y_pred)
    return y_true, y_pred


def check_same_shape(**tensors: Tensor) -> None:
    """Raises ArgumentError unless all have the shape of the last; a size known only later passes."""
    *others, (last, expected) = tensors.items()
    for name, tensor in others:
        fits = tensor.shape.is_compatible_with(expected.shape)
        check(fits, name, tuple(tensor.shape), f"the shape of `{last}`, {tuple(expected.shape)}")
