"""Sparsemax."""

import math

import keras

from tensorsmith.core import check, export
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.layers._support.floating import floating


@export
def sparsemax(logits: TensorLike, axis: int = -1) -> Tensor:
    """Probabilities of which many are exactly 0: the point of the simplex that is nearest to the logits.

    Formula, with the threshold t for which the probabilities sum to 1:

        y = max(logits - t, 0)

    t lies between the greatest logit less 1 and the greatest. Beginning with the logits above the former, the t that a
    set of logits asks for is found, and those that are not above it leave the set, until none does: after a few turns,
    and after as many as there are logits at most. Nothing is sorted. Keras 3.15's sparsemax is wrong: its rows do not
    sum to 1.

    Source: Martins and Astudillo, "From Softmax to Sparsemax", 2016; the turns: Michelot, "A Finite Algorithm for
    Finding the Projection of a Point onto the Canonical Simplex", 1986.

    Args:
        logits: Tensor of floating type; half types are computed in float32.
        axis: Along which the probabilities sum to 1.

    Returns:
        A tensor like `logits`; NaN where there is NaN or plus infinity, or all are minus infinity.

    Raises:
        ValueError: There is no such axis.

    Example:
        >>> print(sparsemax([[-1.0, 0.0, 1.0], [0.5, 0.0, 0.2]]).numpy().round(4))
        [[0.  0.  1. ]
         [0.6 0.1 0.3]]
    """
    logits = floating(keras.ops.convert_to_tensor(logits))
    rank = len(logits.shape)
    check(-rank <= axis < rank, "axis", axis, f"an axis of {rank}")
    z = keras.ops.cast(logits, keras.backend.result_type(logits.dtype, "float32"))
    # Any constant may be taken away: no gradient flows through this one.
    z -= keras.ops.stop_gradient(keras.ops.max(z, axis, keepdims=True, initial=-math.inf))

    def threshold(inside: Tensor) -> Tensor:
        count = keras.ops.sum(keras.ops.cast(inside, z.dtype), axis, keepdims=True)
        return (keras.ops.sum(keras.ops.where(inside, z, 0), axis, keepdims=True) - 1) / count

    def changed(inside: Tensor, before: Tensor) -> Tensor:
        return keras.ops.any(inside != before)

    inside = keras.ops.stop_gradient(z) > -1
    inside, _ = keras.ops.while_loop(
        changed,
        # Logits at the threshold come and go by rounding if they may come back.
        lambda inside, _: (keras.ops.logical_and(inside, z > threshold(inside)), inside),
        (inside, keras.ops.zeros_like(inside)),
    )
    return keras.ops.cast(keras.ops.maximum(z - threshold(inside), 0), logits.dtype)
