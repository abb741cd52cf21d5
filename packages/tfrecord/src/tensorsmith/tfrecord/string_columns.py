"""Comments on columns that remain strings, although most of their values are numbers or dates."""

import json
import shlex
from collections.abc import Sequence

from tensorsmith.tfrecord.encode.rejections import brief
from tensorsmith.tfrecord.sources.csv_options import PANDAS_MISSING
from tensorsmith.tfrecord.sources.inference import Found
from tensorsmith.tfrecord.sources.mixed_dates import NotDates
from tensorsmith.tfrecord.sources.mixed_numbers import NotNumbers


def comments_on_strings(found: Found) -> list[str]:
    """Returns sentences on such columns, with the first value that is no number or date, and the remedy."""
    missing = found.schema.csv.get("missing", [])
    comments = {name: _not_numbers(rest, missing) for name, rest in found.not_numbers.items()}
    comments |= {name: _several(formats) for name, formats in found.dates.items() if len(formats) > 1}
    comments |= {name: _not_dates(rest, missing) for name, rest in found.not_dates.items()}
    return [
        f"{printed_name(name)}: {comment}"
        for name, comment in comments.items()
        if found.schema.features[name].dtype == "string"
    ]


def describe_rest(rest: NotNumbers) -> str:
    """Returns a description of the rows of a column that are not numbers."""
    return f"{_exceptions(rest)} ({_first(rest)})"


def _not_numbers(rest: NotNumbers, missing: Sequence[str]) -> str:
    """Returns a description of the rows of a column that are not numbers, and the option that treats them."""
    text, first = _exceptions(rest), _first(rest)
    if not rest.markers and not rest.style:
        more = f"--numeric-threshold {rest.threshold:g} makes it {rest.dtype}, and convert then rejects such rows"
        return f"{text} ({first}), therefore a string; {more}"
    option, shown = _missing_option(rest.markers, missing)
    if not rest.style:
        more = f"{option} reads such cells as missing values, and the column as {rest.dtype}"
        return f"{text} with {shown} ({first}), therefore a string; {more}"
    decimal, thousands = rest.style.decimal, rest.style.thousands
    parts = [(decimal != ".", "a decimal comma", f"--decimal={decimal}")]
    parts += [(thousands != "", f"the thousands separator {thousands!r}", f"--thousands={shlex.quote(thousands)}")]
    parts += [(bool(rest.markers), shown, option)]
    names = " and ".join(name for used, name, _ in parts if used)
    options = " ".join(flag for used, _, flag in parts if used)
    return f"numbers with {names} ({first}), therefore a string; {options} reads it as numeric"


def _not_dates(rest: NotDates, missing: Sequence[str]) -> str:
    """Returns a description of the rows of a column that are not dates, and the remedy."""
    text = f"dates or times except {rest.count:,} of {count_of(rest.present, 'row')}"
    if not rest.markers:
        more = f"correct these rows, or write {_features(rest.formats)}, and convert then rejects them"
        return f"{text} ({_first(rest)}), therefore a string; {more}"
    option, shown = _missing_option(rest.markers, missing)
    more = f"{option} reads such cells as missing values"
    return f"{text} with {shown} ({_first(rest)}), therefore a string; {more}"


def _several(formats: Sequence[str]) -> str:
    return f"dates in which the day or the month may come first, therefore a string; write {_features(formats)}"


def _features(formats: Sequence[str]) -> str:
    return " or ".join(f"{{dtype: int64, format: '{format}'}}" for format in formats)


def _exceptions(rest: NotNumbers) -> str:
    kind = "true or false" if rest.dtype == "bool" else "numeric"
    return f"{kind} except {rest.count:,} of {count_of(rest.present, 'row')}"


def _first(rest: NotNumbers | NotDates) -> str:
    return f"{rest.file}, line {rest.line:,}: {brief(rest.text)}"


def _missing_option(found: Sequence[str], missing: Sequence[str]) -> tuple[str, str]:
    """Returns the option for markers of missing values in addition to the present ones, and a list of the markers."""
    markers = [*missing, *("pandas" if marker in PANDAS_MISSING else marker for marker in found)]
    return f"--missing={shlex.quote(','.join(dict.fromkeys(markers)))}", " and ".join(map(repr, found))


def count_of(count: int, what: str) -> str:
    """Returns a number with a noun, such as "1,000 rows"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def printed_name(name: str) -> str:
    """Returns a feature name as a single line, escaped if it contains unprintable characters."""
    return name if name.isprintable() else json.dumps(name)
