"""What `tensorsmith tfrecord` prints of files, features and examples."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tensorsmith.tools.progress import size_text

if TYPE_CHECKING:
    from tensorsmith.data.tfrecord.stats import Numbers, Stats, Texts
    from tensorsmith.data.tfrecord.survey import FileSurvey
    from tensorsmith.records import Feature, Range

MOST_FILES, MOST_VALUES, MOST_LETTERS = 20, 8, 60


def print_survey(files: "Sequence[FileSurvey]") -> None:
    """Prints a table of files and one of their features."""
    from tensorsmith.records import merge

    console = Console(highlight=False)
    table = _table("file", ">examples", ">size", "compression")
    for file in files[:MOST_FILES]:
        table.add_row(escape(str(file.path)), f"{file.records:,}", size_text(file.size), file.compression)
    if len(files) > MOST_FILES:
        table.add_row(f"and {len(files) - MOST_FILES:,} more", "", "", "")
    records = sum(file.records for file in files)
    if len(files) > 1:
        table.add_section()
        size = sum(file.size for file in files)
        table.add_row(f"{len(files):,} files", f"{records:,}", size_text(size), "")
    console.print(table)
    features: dict[str, Feature] = {}
    for file in files:
        features = merge(features, file.features)
    table = _table("feature", "kind", ">values", ">missing in")
    for name, feature in features.items():
        kinds = " and ".join(feature.kinds) or "unknown"
        table.add_row(escape(name), kinds, _values(feature), f"{records - feature.rows:,}")
    if features:
        console.print(table)


def print_example(number: int, row: Mapping[str, list[Any]]) -> None:
    """Prints an example, with long values shortened."""
    console = Console(highlight=False)
    console.print(f"[bold]example {number:,}[/]")
    for name, values in row.items():
        console.print(f"  {escape(name)}: {escape(_shown(values))}", soft_wrap=True)


def print_stats(stats: "Stats") -> None:
    """Prints a table of the features with numbers, and one of those with bytes."""
    from tensorsmith.data.tfrecord.stats import Numbers

    console = Console(highlight=False)
    console.print(f"{stats.records:,} examples")
    table = _table("feature", ">values", ">missing", ">least", ">greatest", ">mean", ">std", ">zeros", ">NaN")
    others = _table("feature", ">values", ">missing", ">bytes", ">empty", ">distinct", "frequent")
    for name, figures in stats.features.items():
        first = (escape(name), f"{figures.count:,}", f"{stats.records - figures.rows:,}")
        if isinstance(figures, Numbers):
            table.add_row(*first, *_numbers(figures))
        else:
            others.add_row(*first, *_texts(figures))
    for each in (table, others):
        if each.row_count:
            console.print(each)


def _table(*headings: str) -> Table:
    """A table; a heading that begins with ">" is that of a column of numbers."""
    table = Table()
    for heading in headings:
        name = heading.removeprefix(">")
        is_number = name != heading
        justify: Literal["left", "right"] = "right" if is_number else "left"
        table.add_column(name, justify=justify, no_wrap=is_number, overflow="fold", min_width=len(name))
    return table


def _values(feature: "Feature") -> str:
    if feature.steps is None:
        return _range(feature.counts)
    return f"{_range(feature.counts)} steps of {_range(feature.steps)}"


def _range(counts: "Range") -> str:
    same = counts.fewest == counts.most
    return f"{counts.most:,}" if same else f"{counts.fewest:,} to {counts.most:,}"


def _numbers(figures: "Numbers") -> list[str]:
    known = figures.count > figures.nan
    bounds = [f"{figures.least:.4g}", f"{figures.greatest:.4g}"]
    if isinstance(figures.least, int):
        bounds = [f"{figures.least:,}", f"{figures.greatest:,}"]
    moments = [f"{figures.mean:.4g}", f"{figures.deviation:.4g}"]
    return [*(bounds + moments if known else [""] * 4), f"{figures.zeros:,}", f"{figures.nan:,}"]


def _texts(figures: "Texts") -> list[str]:
    from tensorsmith.data.tfrecord.stats import MOST_DISTINCT

    same = figures.shortest == figures.longest
    lengths = f"{figures.longest:,}" if same else f"{figures.shortest:,} to {figures.longest:,}"
    if figures.found is None:
        return [lengths, f"{figures.empty:,}", f"over {MOST_DISTINCT:,}", ""]
    often = (f"{count:,} x {escape(_kept(value))}" for value, count in _most_frequent(figures.found) if count > 1)
    return [lengths, f"{figures.empty:,}", f"{len(figures.found):,}", "\n".join(often)]


def _most_frequent(found: Counter[bytes]) -> list[tuple[bytes, int]]:
    """Of equally frequent ones the first in the alphabet."""
    return sorted(found.items(), key=lambda item: (-item[1], item[0]))[:3]


def _kept(value: bytes) -> str:
    """A value as `Texts` keeps it."""
    from tensorsmith.data.tfrecord.pictures import format_of
    from tensorsmith.data.tfrecord.stats import KEPT

    if len(value) <= KEPT:
        return _shown(value)
    return f"a {format_of(value)}" if format_of(value) else f"{value[:KEPT].decode(errors='backslashreplace')!r}..."


def _shown(value: Any) -> str:
    if isinstance(value, list):
        more = f", ... {len(value):,} in all" if len(value) > MOST_VALUES else ""
        return f"[{', '.join(map(_shown, value[:MOST_VALUES]))}{more}]"
    if not isinstance(value, bytes):
        return f"{value:g}" if isinstance(value, float) and math.isfinite(value) else str(value)
    from tensorsmith.data.tfrecord.pictures import format_of

    if format_of(value):
        return f"{format_of(value)} of {size_text(len(value))}"
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return f"{value[:8].hex(' ')}{' ...' if len(value) > 8 else ''} ({size_text(len(value))})"
    more = f"... ({size_text(len(value))})" if len(text) > MOST_LETTERS else ""
    return repr(text[:MOST_LETTERS]) + more
