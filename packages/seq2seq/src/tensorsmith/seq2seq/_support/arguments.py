"""Checks of the arguments that all decoders share."""

from collections.abc import Sequence

from tensorsmith.core import check, is_integer
from tensorsmith.seq2seq._support.types import Adjust


def check_positive(name: str, value: int) -> None:
    """Raise a `ValueError` unless an argument is a positive integer."""
    check(is_integer(value) and value > 0, name, value, "a positive integer")


def check_end(end: int | None) -> None:
    """Raise a `ValueError` unless an argument is a token or `None`."""
    check(end is None or (is_integer(end) and end >= 0), "end", end, "a non-negative integer or None")


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
