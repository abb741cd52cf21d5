"""Checks of the arguments that all decoders share."""

from collections.abc import Sequence

import tensorflow as tf

from tensorsmith.core import check, is_integer
from tensorsmith.core.types import Scalar
from tensorsmith.seq2seq._support.types import Adjust


def check_positive(name: str, value: int) -> None:
    """Raise a `ValueError` unless an argument is a positive integer."""
    check(is_integer(value) and value > 0, name, value, "a positive integer")


def check_end(end: int | None) -> None:
    """Raise a `ValueError` unless an argument is a token or `None`."""
    check(end is None or (is_integer(end) and end >= 0), "end", end, "a non-negative integer or None")


def check_in_vocabulary(name: str, token: Scalar, vocabulary: Scalar) -> None:
    """Raise an error unless a token is less than the size of the vocabulary. Negative tokens are not checked.

    Raises:
        ValueError: If both numbers are known.
        tf.errors.InvalidArgumentError: If a number is only known at run time.
    """
    known, size = tf.get_static_value(token), tf.get_static_value(vocabulary)
    expected = "a token of the vocabulary" + ("" if size is None else f" of {size} tokens")
    if known is not None and size is not None:
        check(bool(known < size), name, int(known), expected)
        return
    received = "" if known is None else f", got {known}"
    tf.debugging.assert_less(token, tf.cast(vocabulary, tf.int32), f"{name} must be {expected}{received}")


def checked_adjust(adjust: Sequence[Adjust]) -> tuple[Adjust, ...]:
    """Return the functions that change logits as a tuple.

    Raises:
        ValueError: If the argument is not a sequence of functions.
    """
    valid = isinstance(adjust, Sequence) and all(map(callable, adjust))
    check(
        valid, "adjust", adjust, "a sequence of functions of logits and prefixes", "pass (function,) for one function"
    )
    return tuple(adjust)
