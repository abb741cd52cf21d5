"""Checks of the shapes of targets and predictions."""

from itertools import zip_longest

from keras import ops

from tensorsmith.core import check
from tensorsmith.core.types import Tensor


def same_shape(y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
    """Return targets and predictions with equal shapes, after adding a missing trailing axis of size 1.

    Without it, (n, 1) - (n,) would broadcast to (n, n).

    Args:
        y_true: Tensor of targets.
        y_pred: Tensor of predictions.

    Raises:
        ValueError: If the shapes differ in other ways. Unknown sizes are accepted.
    """
    missing = len(y_pred.shape) - len(y_true.shape)
    if missing == 1 and y_pred.shape[-1] == 1:
        y_true = ops.expand_dims(y_true, -1)
    elif missing == -1 and y_true.shape[-1] == 1:
        y_pred = ops.expand_dims(y_pred, -1)
    check_same_shape(y_true=y_true, y_pred=y_pred)
    return y_true, y_pred


def check_same_shape(**tensors: Tensor) -> None:
    """Raise an ArgumentError if the known dimensions of a tensor differ from the dimensions of the last tensor."""
    *others, (last, expected) = tensors.items()
    for name, tensor in others:
        fits = tensor.shape.is_compatible_with(expected.shape)
        check(fits, name, tuple(tensor.shape), f"have shape {tuple(expected.shape)} to match `{last}`")


def check_broadcastable(y_true: Tensor, y_pred: Tensor) -> None:
    """Raise an ArgumentError if the known dimensions of targets and predictions cannot be broadcast."""
    pairs = zip_longest(reversed(y_true.shape), reversed(y_pred.shape), fillvalue=1)
    fits = all(one == other or 1 in (one, other) or None in (one, other) for one, other in pairs)
    expected = f"have a shape that can be broadcast with the shape {tuple(y_pred.shape)} of `y_pred`"
    check(fits, "y_true", tuple(y_true.shape), expected)
