"""Validation of metric arguments that must be positive integers."""

from tensorsmith.core import check, is_integer


def check_count(name: str, count: int) -> None:
    """Raise an ArgumentError unless the argument is a positive integer."""
    fits = is_integer(count) and count > 0
    check(fits, name, count, "a positive integer")
