"""Decimal points and thousands separators of numbers that are written as strings."""

import re
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

SPACES = " \u00a0\u202f"  # a space, a no-break space, and a narrow no-break space


@dataclass(frozen=True)
class NumberStyle:
    """Decimal point and thousands separator of numbers.

    Attributes:
        decimal: Decimal point.
        thousands: Separator between groups of three digits. If empty, digits are not grouped. A space also stands for
            no-break spaces.
    """

    decimal: str = "."
    thousands: str = ""

    @property
    def grouped(self) -> str:
        """Regular expression for the integer part of a number with a thousands separator."""
        separator = f"[{SPACES}]" if self.thousands == " " else re.escape(self.thousands)
        return f"[1-9][0-9]{{0,2}}({separator}[0-9]{{3}})+"

    @property
    def distinctive(self) -> str:
        """Regular expression for numbers that Python does not read, because they are written in this style."""
        decimal = re.escape(self.decimal)
        forms = [rf"{self.grouped}({decimal}[0-9]*)?"] if self.thousands else []
        forms += [rf"[0-9]*{decimal}[0-9]+"] if self.decimal != "." else []
        return f"^[+-]?({'|'.join(forms)})$"


PLAIN = NumberStyle()
# Styles that are recognized, in order of precedence: "1,234" is a number with a thousands separator.
KNOWN = (
    *(NumberStyle(".", ","), NumberStyle(".", "'"), NumberStyle(".", " "), NumberStyle(",")),
    *(NumberStyle(",", "."), NumberStyle(",", " "), NumberStyle(",", "'")),
)


def plain_numbers(texts: Any, style: NumberStyle) -> Any:
    """Returns strings in which numbers have a decimal point and no thousands separators.

    Thousands separators are removed only between groups of three digits. With another decimal point than ".", numbers
    with a point are changed to have that mark, so that they are not read as numbers.

    Example:
        >>> import pyarrow as pa
        >>> plain_numbers(pa.array(["1,5", "1.234", "a,b", "7"]), NumberStyle(",")).to_pylist()
        ['1.5', '1,234', 'a,b', '7']
        >>> plain_numbers(pa.array(["1.234,5", "1.234", "1.23", "7"]), NumberStyle(",", ".")).to_pylist()
        ['1234.5', '1234', '1,23', '7']
    """
    if style.thousands:
        decimal = re.escape(style.decimal)
        matches = pc.match_substring_regex(texts, rf"^\s*[+-]?{style.grouped}({decimal}[0-9]*)?([eE][+-]?[0-9]+)?\s*$")
        separator = f"[{SPACES}]" if style.thousands == " " else re.escape(style.thousands)
        texts = pc.if_else(matches, pc.replace_substring_regex(texts, separator, ""), texts)
    if style.decimal == ".":
        return texts
    for mark, other in ((style.decimal, "#"), (".", style.decimal), ("#", ".")):
        number = rf"^\s*[+-]?[0-9]*{re.escape(mark)}[0-9]*([eE][+-]?[0-9]+)?\s*$"
        matches = pc.match_substring_regex(texts, number)
        texts = pc.if_else(matches, pc.replace_substring(texts, mark, other), texts)
    return texts
