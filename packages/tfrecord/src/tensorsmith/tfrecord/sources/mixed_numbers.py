"""Inference of a numeric dtype for columns of strings, some of which are not numbers."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tensorsmith.tfrecord.sources.csv_options import PANDAS_MISSING
from tensorsmith.tfrecord.sources.number_styles import KNOWN, PLAIN, NumberStyle, plain_numbers
from tensorsmith.tfrecord.sources.numbers import Numbers

NUMBER = r"(?i)^([+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?(inf|infinity|nan)|true|false|yes|no|y|n)$"
MARKERS = frozenset([*PANDAS_MISSING, "?", "-", "--", ".", "..", "*", "missing", "unknown"])  # of missing values
NEARLY_ALL = 0.9  # fraction of numbers from which a column of strings is reported as numeric except for some rows


@dataclass(frozen=True)
class NotNumbers:
    """Rows of an otherwise numeric column whose strings are not numbers.

    Attributes:
        dtype: Dtype of the numbers in the other rows.
        present: Number of rows that are not missing.
        count: Number of rows whose strings are not numbers.
        file: Path of the file that contains the first of these rows.
        line: Line of that row in the file, starting from 1.
        text: String in that row.
        markers: The distinct strings that are common markers of missing values, if there are no other strings except
            numbers of `style`. Otherwise empty.
        style: Style of the numbers among these strings, if they explain all strings but the markers. Otherwise `None`.
    """

    dtype: str
    present: int
    count: int
    file: str
    line: int
    text: str
    markers: tuple[str, ...] = ()
    style: NumberStyle | None = None

    @property
    def threshold(self) -> float:
        """Largest `numeric_threshold` with at most three digits for which the column is numeric."""
        return math.floor((1 - self.count / self.present) * 1000) / 1000


class MixedNumbers:
    """Inference of the dtype of the numbers in a column of strings, apart from strings that are not numbers.

    The inference stops if most strings are not numbers.

    Args:
        style: Decimal point and thousands separator of the numbers.
    """

    def __init__(self, style: NumberStyle = PLAIN) -> None:
        self._style, self._numbers = style, Numbers()
        self._present = self._others = self._marked = 0
        self._first = ("", 0, "")
        self._markers: set[str] = set()
        # Other strings by the style in which they are numbers. A decimal comma that was requested is certain.
        styles = [known for known in KNOWN if style.decimal in (".", known.decimal) and not style.thousands]
        self._styles = dict.fromkeys([known for known in styles if known != style], 0)
        self._is_text = False

    def add(self, texts: Any, position: Callable[[int], tuple[str, int]]) -> None:
        """Updates the inference with a batch of strings.

        Args:
            texts: Arrow array of strings without nulls.
            position: Function that returns the file and the line of a string, given its index.
        """
        self._present += len(texts)
        if self._is_text or self._numbers.try_add(plain_numbers(texts, self._style)):
            return
        texts = pc.utf8_trim_whitespace(texts)
        plain = plain_numbers(texts, self._style)
        is_number = pc.match_substring_regex(plain, NUMBER)
        numbers, others = plain.filter(is_number), texts.filter(pc.invert(is_number))
        self._is_text = not self._numbers.try_add(numbers)  # such as postal codes
        if self._is_text or not len(others):
            return
        if not self._others:
            index = pc.index(is_number, False).as_py()
            self._first = (*position(index), texts[index].as_py())
        self._others += len(others)
        markers = others.filter(pc.is_in(others, pa.array(sorted(MARKERS), others.type)))
        self._marked += len(markers)
        self._markers.update(pc.unique(markers).to_pylist())
        for style in self._styles:
            self._styles[style] += pc.sum(pc.match_substring_regex(others, style.distinctive)).as_py()
        self._is_text = not self._is_explained and self._others > self._present / 2

    @property
    def not_numbers(self) -> NotNumbers | None:
        """The strings that are not numbers, or `None` if there are none, or if the column is not mostly numeric."""
        style = self._found_style
        if self._is_text or not self._others or not (style or self._others < self._present):
            return None
        if not self._is_explained and self._others > (1 - NEARLY_ALL) * self._present:
            return None
        markers = tuple(sorted(self._markers)) if self._is_explained else ()
        return NotNumbers(self._numbers.dtype, self._present, self._others, *self._first, markers, style)

    def dtype(self, threshold: float) -> str:
        """Returns the dtype of a column that is numeric if at least this fraction of its strings are numbers."""
        enough = self._present - self._others >= threshold * self._present and self._others < self._present
        return self._numbers.dtype if enough and not self._is_text else "string"

    @property
    def words(self) -> tuple[str, str] | None:
        """Strings for false and true of a column of dtype bool, otherwise `None`."""
        return self._numbers.words

    @property
    def _found_style(self) -> NumberStyle | None:
        """The style that explains all strings that are neither plain numbers nor markers, if there are any."""
        rest = self._others - self._marked
        return next((style for style, count in self._styles.items() if count == rest > 0), None)

    @property
    def _is_explained(self) -> bool:
        """`True` if all strings that are not plain numbers are markers, or numbers of one style."""
        return self._marked == self._others or self._found_style is not None
