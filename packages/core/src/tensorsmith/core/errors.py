"""Errors for invalid arguments. Messages contain the argument name, the received and expected value, and a remedy."""

import difflib
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Self

from tensorsmith.core.printing import printable

# Words that follow "must" without "be" at the start of the description of an expected value.
VERBS = ("not ", "have ", "contain ", "differ ", "match ", "define ", "use ")


class Verbatim(str):
    """Description of a received value that is shown in error messages without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class ArgumentError(ValueError):
    """Error raised if an argument has an invalid value.

    Attributes:
        name: Name of the invalid argument.
        received: Received value as shown in the message.
        expected: Description of the expected value.
        remedy: Advice on how to fix the error. May be empty.
    """

    __module__ = "tensorsmith.core"  # how tracebacks show it
    # AutoGraph copies an error that has this constructor. It replaces others by an error that is not a `ValueError`.
    __init__ = Exception.__init__

    name = received = expected = remedy = ""

    @classmethod
    def like(cls, error: "ArgumentError") -> Self:
        """Return an error of this class with the message and the attributes of another one."""
        copy = cls(str(error))
        vars(copy).update(vars(error))
        return copy


class ExpectedError(Exception):
    """Base class for errors that inputs or the environment cause, and not a defect of the program.

    The `tensorsmith` command prints their message without a traceback.
    """

    __module__ = "tensorsmith.core"


class UnreadableFileError(ArgumentError, ExpectedError):
    """Error raised if the content of a file is damaged or has another format than expected."""

    __module__ = "tensorsmith.core"


def argument_error(name: str, received: Any, expected: str, remedy: str = "") -> ArgumentError:
    """Return an error whose message reads "NAME must be EXPECTED, got RECEIVED. REMEDY".

    The message reads "NAME must EXPECTED" if `expected` starts with "not", "have", "contain", "differ", "match",
    "define" or "use", as in "not contain ...".

    Args:
        name: Name of the argument in the signature of the caller.
        received: Received value, or a `Verbatim` description of it.
        expected: Description of valid values, such as "a number in [0, 1)", which follows "must be" in the message. If
            it starts with "not" or with a verb such as "have", it follows "must".
        remedy: Advice on how to fix the error. Empty if the fix is obvious.

    Example:
        >>> raise argument_error("rate", 1.5, "a number in [0, 1)", "pass 0.5 for a half")
        Traceback (most recent call last):
            ...
        tensorsmith.core.ArgumentError: rate must be a number in [0, 1), got 1.5. Pass 0.5 for a half.
    """
    shown = repr(received)
    if len(shown) > 200:
        shown = shown[:200] + "..."
    advice = remedy[:1].upper() + remedy[1:] + ("" if remedy.endswith((".", "?")) else ".")
    verb = "" if expected.startswith(VERBS) else "be "
    message = f"{name} must {verb}{expected}, got {shown}." + (f" {advice}" if remedy else "")
    error = ArgumentError(printable(message, keep="\n"))  # names and values may come from files
    error.name, error.received, error.expected, error.remedy = name, shown, expected, remedy
    return error


def check(condition: bool, name: str, received: Any, expected: str, remedy: str = "") -> None:
    """Raise `argument_error(name, received, expected, remedy)` unless the condition is true.

    Example:
        >>> check(0 <= 0.5 < 1, "rate", 0.5, "a number in [0, 1)")
        >>> check(0 <= -1 < 1, "rate", -1, "a number in [0, 1)")
        Traceback (most recent call last):
            ...
        tensorsmith.core.ArgumentError: rate must be a number in [0, 1), got -1.
    """
    if not condition:
        raise argument_error(name, received, expected, remedy)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a question that suggests the most similar known word, or an empty string if no word is similar.

    Example:
        >>> did_you_mean("epohcs", ["epochs", "seed"])
        'Did you mean epochs?'
        >>> did_you_mean("zebra", ["epochs", "seed"])
        ''
    """
    near = _closest(word, tuple(known))
    return f"Did you mean {near[0]}?" if near else ""


# AutoGraph does not convert cached functions. It warns that it cannot convert difflib.
@lru_cache
def _closest(word: str, known: tuple[str, ...]) -> list[str]:
    return difflib.get_close_matches(word, known, n=1, cutoff=0.5)
