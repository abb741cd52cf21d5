"""Sparsemax activation function, an alternative to softmax that produces sparse outputs."""

import math

import keras

from tensorsmith.core import check, export
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.layers._support.floating import floating


@export
def sparsemax(logits: TensorLike, axis: int = -1) -> Tensor:
    """Sparsemax activation: the Euclidean projection of the logits onto the probability simplex.

    Many of the resulting probabilities are exactly 0. Formula, with the threshold t for which the probabilities sum to
    1:

        y = max(logits - t, 0)

    The threshold t is between the greatest logit less 1 and the greatest logit. The support is found without sorting:
    it starts as the set of logits above the lower bound. In each iteration the threshold for the current support is
    computed, and the logits not above it are removed, until the support does not change. This takes a few iterations,
    and at most as many as there are logits. The sparsemax of Keras 3.15 is incorrect: its rows do not sum to 1.

    Source: Martins and Astudillo, "From Softmax to Sparsemax", 2016. The iterations are those of Michelot, "A Finite
    Algorithm for Finding the Projection of a Point onto the Canonical Simplex", 1986.

    Args:
        logits: Floating-point tensor. For half-precision logits, the computation uses float32.
        axis: Integer, the axis along which the probabilities sum to 1.

    Returns:
        A tensor with the same shape and dtype as `logits`. It is NaN where the logits contain NaN or infinity, or are
        all negative infinity.

    Raises:
        ValueError: If `axis` is not an axis of the logits.

    Example:
        >>> print(sparsemax([[-1.0, 0.0, 1.0], [0.5, 0.0, 0.2]]).numpy().round(4))
        [[0.  0.  1. ]
         [0.6 0.1 0.3]]
    """
    logits = floating(keras.ops.convert_to_tensor(logits))
    rank = len(logits.shape)
    check(-rank <= axis < rank, "axis", axis, f"a valid axis for a tensor of rank {rank}")
    z = keras.ops.cast(logits, keras.backend.result_type(logits.dtype, "float32"))
    # Sparsemax is invariant to a constant shift, so that the gradient of the maximum is not needed.
    z -= keras.ops.stop_gradient(keras.ops.max(z, axis, keepdims=True, initial=-math.inf))

    # Threshold t if `inside` is the support: (sum of its logits - 1) / (number of its logits).
    def threshold(inside: Tensor) -> Tensor:
        count = keras.ops.sum(keras.ops.cast(inside, z.dtype), axis, keepdims=True)
        return (keras.ops.sum(keras.ops.where(inside, z, 0), axis, keepdims=True) - 1) / count

    def changed(inside: Tensor, before: Tensor) -> Tensor:
        return keras.ops.any(inside != before)

    # The largest logit is 0 after the shift, so that the threshold is at least -1.
    inside = keras.ops.stop_gradient(z) > -1
    inside, _ = keras.ops.while_loop(
        changed,
        # Logits are only ever removed: rounding could otherwise add and remove those at the threshold forever.
        lambda inside, _: (keras.ops.logical_and(inside, z > threshold(inside)), inside),
        (inside, keras.ops.zeros_like(inside)),
    )
    return keras.ops.cast(keras.ops.maximum(z - threshold(inside), 0), logits.dtype)
