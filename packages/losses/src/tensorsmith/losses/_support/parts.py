"""Masks and weights of a sample's parts, such as its steps, for losses that make one number of each sample."""

import math
from collections.abc import Sequence

from keras import ops

from tensorsmith.core import check
from tensorsmith.core.types import Tensor, TensorLike


def split_weights(y_pred: TensorLike, sample_weight: TensorLike | None) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
    """What Keras can multiply losses of samples by, apart from what has to enter their sums.

    Keras would multiply `(batch,)` losses by `(batch, steps)` weights: an error, or nonsense where both are equal.

    Args:
        y_pred: Predictions, with Keras' mask if there is one.
        sample_weight: Weights of samples, or of their parts, or None.

    Returns:
        The predictions with the mask of whole samples only; the weights of samples, or None; then the mask and the
        weights of parts, each of them ones if there are none.

    Raises:
        ValueError: The sizes of a mask or of weights are not those that the predictions begin with.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    mask, parts = getattr(y_pred, "_keras_mask", None), [ops.ones((), "bool"), ops.ones(())]
    if mask is not None:
        mask = _fitting("mask", mask, y_pred)
        if len(mask.shape) > 1:
            parts[0] = mask
            y_pred = ops.copy(y_pred)  # which is without a mask
            # A sample that is padding throughout is not there at all.
            y_pred._keras_mask = ops.any(mask, axis=tuple(range(1, len(mask.shape))))
    weights = None if sample_weight is None else _fitting("sample_weight", sample_weight, y_pred)
    if weights is not None and len(weights.shape) > 1:
        parts[1], weights = weights, None
    return y_pred, weights, *parts


def product(weights: Sequence[TensorLike], like: Tensor) -> Tensor:
    """The product of several weights of parts, with axes of size 1 where `like` has more, in its type."""
    return math.prod(
        (
            ops.reshape(each, (*ops.shape(each), *[1] * (len(like.shape) - len(each.shape))))
            for each in (ops.cast(each, like.dtype) for each in weights)
        ),
        start=ops.ones((), like.dtype),
    )


def _fitting(name: str, weights: TensorLike, y_pred: Tensor) -> Tensor:
    weights = ops.convert_to_tensor(weights)
    while len(weights.shape) > 1 and weights.shape[-1] == 1:
        weights = ops.squeeze(weights, -1)
    rank = len(weights.shape)
    fits = rank <= len(y_pred.shape) and weights.shape.is_compatible_with(y_pred.shape[:rank])
    expected = f"the sizes that the predictions {tuple(y_pred.shape)} begin with"
    check(fits, name, tuple(weights.shape), expected, "give one for each sample, or one for each of its steps")
    return weights
