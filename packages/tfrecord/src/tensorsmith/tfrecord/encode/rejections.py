"""Rejected rows of a batch, with one reason per row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

RejectValue = Callable[[int, str], None]
"""(index of a single value among all values, description of the problem) -> None."""


@dataclass
class Rejections:
    """Collection of rejected rows, with the column and the description of the first problem in each row."""

    rows: dict[int, tuple[str, str]] = field(default_factory=dict)

    def add(self, row: int, column: str, problem: str) -> None:
        """Rejects a row, unless it has already been rejected."""
        self.rows.setdefault(row, (column, problem))


def brief(value: Any) -> str:
    """Formats a value for an error message, truncated to 60 characters.

    Example:
        >>> brief("x" * 100)[-6:]
        'xxx...'
    """
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "..."


def shape_text(shape: Sequence[int | None]) -> str:
    """Formats a shape for an error message.

    Example:
        >>> shape_text((None, 3)), shape_text((2,))
        ('(any, 3)', '(2,)')
    """
    sizes = ["any" if size is None else str(size) for size in shape]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
