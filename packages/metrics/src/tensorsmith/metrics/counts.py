"""The check of counts."""

from typing import Any

from tensorsmith.core import check


def check_count(name: str, count: Any) -> None:
    """Raises ArgumentError unless it is a positive integer."""
    fits = isinstance(count, int) and not isinstance(count, bool) and count > 0
    check(fits, name, count, "a positive integer")
