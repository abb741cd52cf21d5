"""How long work tells of its progress."""

from collections.abc import Callable

Report = Callable[[int], None]
"""Called with each number of bytes that are done."""

Begin = Callable[[str, int], Report]
"""(what is done, bytes in all) -> what to call with each number of bytes that are done."""


def unreported(size: int) -> None:
    """Tells nobody that bytes are done."""


def unseen(what: str, size: int) -> Report:
    """Begins work that nobody watches."""
    return unreported
