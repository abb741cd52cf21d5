"""Probabilities of scheduled sampling."""

from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Tensor, TensorLike, Variable


def checked_probability(probability: TensorLike) -> Tensor | Variable:
    """Return a probability as a tensor or variable.

    Raises:
        ValueError: If it is not a scalar or a vector, or a number is not in [0, 1].
    """
    name, expected = "sampling_probability", "a probability in [0, 1], or a vector with one for each sequence"
    found: Any = probability
    if not isinstance(probability, tf.Variable | keras.Variable):
        try:
            found = tf.convert_to_tensor(probability, tf.float32)
        except (TypeError, ValueError):
            check(False, name, probability, expected)
        known = tf.get_static_value(found)
        valid = known is None or bool(((known >= 0) & (known <= 1)).all())
        check(valid, name, None if known is None else known.tolist(), expected)
    rank = len(found.shape)
    check(rank in (0, 1), name, Verbatim(f"a tensor of rank {rank}"), expected)
    return found


def saved_probability(probability: Tensor | Variable) -> Any:
    """Return the current value of a probability as a number or a list."""
    return keras.ops.convert_to_numpy(probability).tolist()
