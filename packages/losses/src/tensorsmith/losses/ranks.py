"""Targets and predictions of one rank."""

from typing import Any

from keras import ops

from tensorsmith.core import argument_error


def same_rank(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Adds the last axis of size 1 that one of the two lacks: left alone, (n, 1) - (n,) would broadcast to (n, n)."""
    missing = len(y_pred.shape) - len(y_true.shape)
    if missing == 0:
        return y_true, y_pred
    if missing == 1 and y_pred.shape[-1] == 1:
        return ops.expand_dims(y_true, -1), y_pred
    if missing == -1 and y_true.shape[-1] == 1:
        return y_true, ops.expand_dims(y_pred, -1)
    raise argument_error("y_true", tuple(y_true.shape), f"the shape of `y_pred`, {tuple(y_pred.shape)}")
