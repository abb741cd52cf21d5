"""Text of files and servers in a form that is safe to print on a terminal."""

from typing import TextIO


def printable(text: str, keep: str = "") -> str:
    r"""Return text with escape sequences for unprintable characters.

    Unprintable characters include those that change colors, move the cursor or reverse the direction of writing.

    Args:
        text: Text of unknown origin.
        keep: Characters to leave unchanged, such as a newline. By default, the result is a single line.

    Example:
        >>> print(printable("price \x1b[31mred\n"))
        price \x1b[31mred\n
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in keep else _escape(each) for each in text)


def print_text(
    *values: object, sep: str = " ", end: str = "\n", file: TextIO | None = None, flush: bool = False
) -> None:
    r"""Print values as `print` does, with escape sequences for unprintable characters except newlines and tabs.

    Example:
        >>> print_text("price \x1b[31mred", 3)
        price \x1b[31mred 3
    """
    print(*(printable(str(value), keep="\n\t") for value in values), sep=sep, end=end, file=file, flush=flush)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()
