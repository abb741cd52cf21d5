"""Inference of a numeric dtype for columns of strings, some of which are not numbers."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from tensorsmith.tfrecord.sources.csv_options import PANDAS_MISSING
from tensorsmith.tfrecord.sources.numbers import Numbers

NUMBER = r"(?i)^([+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?(inf|infinity|nan)|true|false)$"
DECIMAL_COMMA = r"^[+-]?[0-9]*,([0-9]{1,2}|[0-9]{4,})$"  # three digits may follow a thousands separator
MARKERS = frozenset([*PANDAS_MISSING, "?", "-", "--", ".", "..", "*", "missing", "unknown"])  # of missing values
MOST_DISTINCT = 20  # distinct strings that are kept
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
        markers: The distinct strings, if all of them are common markers of missing values. Otherwise empty.
        decimal_comma: If `True`, all of these strings are numbers with a decimal comma.
    """

    dtype: str
    present: int
    count: int
    file: str
    line: int
    text: str
    markers: tuple[str, ...] = ()
    decimal_comma: bool = False

    @property
    def threshold(self) -> float:
        """Largest `numeric_threshold` with at most three digits for which the column is numeric."""
        return math.floor((1 - self.count / self.present) * 1000) / 1000


class MixedNumbers:
    """Inference of the dtype of the numbers in a column of strings, apart from strings that are not numbers.

    The inference stops if most strings are not numbers.
    """

    def __init__(self) -> None:
        self._numbers = Numbers()
        self._present = self._others = self._commas = 0
        self._first = ("", 0, "")
        self._distinct: Counter[str] = Counter()
        self._is_text = False

    def add(self, texts: Any, position: Callable[[int], tuple[str, int]]) -> None:
        """Updates the inference with a batch of strings.

        Args:
            texts: Arrow array of strings without nulls.
            position: Function that returns the file and the line of a string, given its index.
        """
        self._present += len(texts)
        if self._is_text or self._numbers.try_add(texts):
            return
        texts = pc.utf8_trim_whitespace(texts)
        is_number = pc.match_substring_regex(texts, NUMBER)
        numbers, others = texts.filter(is_number), texts.filter(pc.invert(is_number))
        self._is_text = not self._numbers.try_add(numbers)  # such as postal codes
        if self._is_text or not len(others):
            return
        if not self._others:
            index = pc.index(is_number, False).as_py()
            self._first = (*position(index), texts[index].as_py())
        self._others += len(others)
        self._commas += pc.sum(pc.match_substring_regex(others, DECIMAL_COMMA)).as_py()
        if len(self._distinct) <= MOST_DISTINCT:
            self._distinct.update({found["values"]: found["counts"] for found in pc.value_counts(others).to_pylist()})
        explained = self._markers() or self._commas == self._others
        self._is_text = not explained and self._others > self._present / 2

    @property
    def not_numbers(self) -> NotNumbers | None:
        """The strings that are not numbers, or `None` if there are none, or if the column is not mostly numeric."""
        commas = self._commas == self._others
        if self._is_text or not self._others or not (commas or self._others < self._present):
            return None
        markers = self._markers()
        if not (markers or commas) and self._others > (1 - NEARLY_ALL) * self._present:
            return None
        return NotNumbers(self._numbers.dtype, self._present, self._others, *self._first, markers, commas)

    def dtype(self, threshold: float) -> str:
        """Returns the dtype of a column that is numeric if at least this fraction of its strings are numbers."""
        enough = self._present - self._others >= threshold * self._present and self._others < self._present
        return self._numbers.dtype if enough and not self._is_text else "string"

    def _markers(self) -> tuple[str, ...]:
        return tuple(sorted(self._distinct)) if self._distinct.keys() <= MARKERS else ()
