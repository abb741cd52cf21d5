"""Errors about arguments: every message has the name, what was received, what is expected, and the remedy."""

import difflib
from collections.abc import Iterable
from typing import Any


class Verbatim(str):
    """A description of what was received, shown as it stands where a plain string would be shown in quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class ArgumentError(ValueError):
    """Something was asked for wrongly; the message has name, received, expected and, where not obvious, the remedy."""

    __module__ = "tensorsmith.core"  # how tracebacks show it


def argument_error(name: str, received: Any, expected: str, remedy: str = "") -> ArgumentError:
    """An error in the house's form, to be raised.

    Args:
        name: The argument, as the caller wrote it.
        received: The value that came, or a `Verbatim` description of it.
        expected: What would have been right.
        remedy: What to do about it, where that is not obvious.

    Example:
        >>> raise argument_error("rate", 1.5, "a number in [0, 1)", "give 0.5 for a half")
        Traceback (most recent call last):
            ...
        tensorsmith.core.ArgumentError: `rate`: received 1.5, expected a number in [0, 1). Remedy: give 0.5 for a half.
    """
    shown = repr(received)
    if len(shown) > 200:
        shown = shown[:200] + "..."
    message = f"`{name}`: received {shown}, expected {expected}."
    if remedy:
        message += f" Remedy: {remedy}" + ("" if remedy.endswith((".", "?")) else ".")
    return ArgumentError(message)


def check(condition: bool, name: str, received: Any, expected: str, remedy: str = "") -> None:
    """Raises `argument_error(name, received, expected, remedy)` unless the condition holds.

    Example:
        >>> check(0 <= 0.5 < 1, "rate", 0.5, "a number in [0, 1)")
        >>> check(0 <= -1 < 1, "rate", -1, "a number in [0, 1)")
        Traceback (most recent call last):
            ...
        tensorsmith.core.ArgumentError: `rate`: received -1, expected a number in [0, 1).
    """
    if not condition:
        raise argument_error(name, received, expected, remedy)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The nearest known word as a question, or nothing when none is near.

    Example:
        >>> did_you_mean("epohcs", ["epochs", "seed"])
        'did you mean epochs?'
        >>> did_you_mean("zebra", ["epochs", "seed"])
        ''
    """
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else ""
