"""Detection of strings that are not dates in columns of dates."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tensorsmith.tfrecord._support.dates import parse_dates
from tensorsmith.tfrecord.sources.date_columns import BEGINNING, FORMATS, unambiguous
from tensorsmith.tfrecord.sources.mixed_numbers import MARKERS, NEARLY_ALL

MOST_TRIED = 10  # strings that are parsed to find the formats


@dataclass(frozen=True)
class NotDates:
    """Rows of a column of dates whose strings are not dates.

    Attributes:
        formats: Formats of the dates in the other rows; several if the day or the month may come first.
        present: Number of rows that are not missing.
        count: Number of rows whose strings are not dates.
        file: Path of the file that contains the first of these rows.
        line: Line of that row in the file, starting from 1.
        text: String in that row.
        markers: The distinct strings that are common markers of missing values, if there are no others. Otherwise
            empty.
    """

    formats: tuple[str, ...]
    present: int
    count: int
    file: str
    line: int
    text: str
    markers: tuple[str, ...] = ()


class _Rest:
    """Strings that do not have a format."""

    def __init__(self) -> None:
        self.count = self.unmarked = 0
        self.first = ("", 0, "")
        self.markers: set[str] = set()


class MixedDates:
    """Inference of the format of the dates in a column of strings, apart from strings that are not dates.

    The inference stops if many strings are not dates.
    """

    def __init__(self) -> None:
        self._present = 0
        self._rests: dict[str, _Rest] | None = None  # by format; unknown before the first date
        self._waiting: list[tuple[Any, Callable[[int], tuple[str, int]]]] = []  # batches of markers before that

    def add(self, texts: Any, formats: list[str], position: Callable[[int], tuple[str, int]]) -> None:
        """Updates the inference with a batch of strings.

        Args:
            texts: Arrow array of strings without nulls.
            formats: Formats that all strings have so far, as found by `DateColumn`.
            position: Function that returns the file and the line of a string, given its index.
        """
        self._present += len(texts)
        if formats:
            self._rests = {format: _Rest() for format in formats}
            return
        texts = pc.utf8_trim_whitespace(texts)
        if self._rests is None:
            self._waiting.append((texts, position))
            if pc.all(_are_markers(texts)).as_py():
                return
            dates = pc.unique(texts.filter(pc.match_substring_regex(texts, f"^({BEGINNING.pattern})")))[:MOST_TRIED]
            self._rests = {format: _Rest() for format in FORMATS if any(_has(one, format) for one in _each(dates))}
            batches, self._waiting = self._waiting, []
        else:
            batches = [(texts, position)]
        for batch, where in batches:
            for format, rest in self._rests.items():
                _add(rest, batch, format, where)
        fewest = NEARLY_ALL * self._present
        self._rests = {format: rest for format, rest in self._rests.items() if self._present - rest.unmarked >= fewest}

    @property
    def not_dates(self) -> NotDates | None:
        """The strings that are not dates, or `None` if there are none, or if the column does not contain dates."""
        rests = self._rests or {}
        fewest = min((rest.count for rest in rests.values()), default=0)
        if not 0 < fewest < self._present:
            return None
        formats = unambiguous([format for format, rest in rests.items() if rest.count == fewest])
        rest = rests[formats[0]]
        markers = () if rest.unmarked else tuple(sorted(rest.markers))
        return NotDates(tuple(formats), self._present, rest.count, *rest.first, markers)


def _add(rest: _Rest, texts: Any, format: str, position: Callable[[int], tuple[str, int]]) -> None:
    """Adds the strings of a batch that do not have a format."""
    if _has(texts, format):
        return
    is_wrong = pc.is_in(texts, pa.array(_wrong(pc.unique(texts), format), texts.type))
    others = texts.filter(is_wrong)
    if not rest.count:
        index = pc.index(is_wrong, True).as_py()
        rest.first = (*position(index), texts[index].as_py())
    is_marker = _are_markers(others)
    rest.count += len(others)
    rest.unmarked += len(others) - pc.sum(is_marker).as_py()
    rest.markers.update(pc.unique(others.filter(is_marker)).to_pylist())


def _each(texts: Any) -> list[Any]:
    return [texts[index : index + 1] for index in range(len(texts))]


def _wrong(texts: Any, format: str) -> list[str]:
    """Returns the strings that do not have a format. They are located by bisection, because there are few of them."""
    if _has(texts, format):
        return []
    half = len(texts) // 2
    return [*_wrong(texts[:half], format), *_wrong(texts[half:], format)] if half else texts.to_pylist()


def _has(texts: Any, format: str) -> bool:
    """Returns `True` if all strings have a format."""
    try:
        parse_dates(texts, format)
    except pa.ArrowInvalid:
        return False
    return True


def _are_markers(texts: Any) -> Any:
    return pc.is_in(texts, pa.array(sorted(MARKERS), texts.type))
