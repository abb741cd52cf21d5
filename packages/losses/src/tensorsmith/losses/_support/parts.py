"""Masks and weights for the elements of a sample (such as time steps), used by losses that reduce each sample."""

import math
from collections.abc import Sequence

from keras import ops

from tensorsmith.core import check
from tensorsmith.core.keras_internals import keras_mask, set_keras_mask
from tensorsmith.core.types import Tensor, TensorLike


def split_weights(y_pred: TensorLike, sample_weight: TensorLike | None) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
    """Separate sample weights, which Keras applies, from element weights, which the loss applies itself.

    Keras would multiply losses of shape `(batch,)` by weights of shape `(batch, steps)`. This raises an error, or gives
    a wrong result if both sizes are equal.

    Args:
        y_pred: Tensor of predictions, optionally with a Keras mask.
        sample_weight: Tensor of weights for the samples, or for the elements of the samples. It may be `None`.

    Returns:
        A tuple of the predictions with a mask of entire samples, the weights of samples or `None`, the mask of parts
        and the weights of parts. The last two are ones if not given.

    Raises:
        ValueError: If the shape of a mask or of weights does not match the leading axes of the predictions.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    # Parts are visible and have weight 1 unless given.
    mask, parts = keras_mask(y_pred), [ops.ones((), "bool"), ops.ones(())]
    if mask is not None:
        mask = _fitting("mask", mask, y_pred)
        if len(mask.shape) > 1:
            parts[0] = mask
            y_pred = ops.copy(y_pred)  # the copy has no mask
            # A sample that consists of padding only is excluded.
            set_keras_mask(y_pred, ops.any(mask, axis=tuple(range(1, len(mask.shape)))))
    weights = None if sample_weight is None else _fitting("sample_weight", sample_weight, y_pred)
    if weights is not None and len(weights.shape) > 1:
        # Weights with further axes after the batch axis belong to the parts and must not reach Keras.
        parts[1], weights = weights, None
    return y_pred, weights, *parts


def product(weights: Sequence[TensorLike], like: Tensor) -> Tensor:
    """Return the product of weight tensors, cast to the dtype of the tensor `like` and expanded to its rank."""
    return math.prod(
        (
            # Append axes of size 1, so that (batch, steps) broadcasts against (batch, steps, ...).
            ops.reshape(each, (*ops.shape(each), *[1] * (len(like.shape) - len(each.shape))))
            for each in (ops.cast(each, like.dtype) for each in weights)
        ),
        start=ops.ones((), like.dtype),
    )


def _fitting(name: str, weights: TensorLike, y_pred: Tensor) -> Tensor:
    weights = ops.convert_to_tensor(weights)
    # A trailing axis of size 1 does not make weights of samples weights of parts.
    while len(weights.shape) > 1 and weights.shape[-1] == 1:
        weights = ops.squeeze(weights, -1)
    rank = len(weights.shape)
    fits = rank <= len(y_pred.shape) and weights.shape.is_compatible_with(y_pred.shape[:rank])
    expected = f"have a shape that matches the leading axes of the predictions {tuple(y_pred.shape)}"
    check(fits, name, tuple(weights.shape), expected, "pass one weight for each sample, or one for each of its steps")
    return weights
