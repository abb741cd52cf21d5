"""Tables of files, features and examples that `tensorsmith tfrecord` displays."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from rich.markup import escape
from rich.table import Table

from tensorsmith.core import format_bytes, print_text
from tensorsmith.tools.console import SafeConsole

if TYPE_CHECKING:
    from tensorsmith.records import Range, StoredFeature
    from tensorsmith.tfrecord import BytesStats, FileSummary, NumberStats, Stats

MOST_FILES, MOST_VALUES, MOST_LETTERS = 20, 8, 60


def print_survey(files: "Sequence[FileSummary]") -> None:
    """Prints a table of the files and a table of their features."""
    from tensorsmith.records import merge

    rows = [
        (str(file.path), f"{file.records:,}", format_bytes(file.size), file.compression) for file in files[:MOST_FILES]
    ]
    if len(files) > MOST_FILES:
        rows.append((f"and {len(files) - MOST_FILES:,} more", "", "", ""))
    records = sum(file.records for file in files)
    if len(files) > 1:
        size = sum(file.size for file in files)
        rows.append((f"{len(files):,} files", f"{records:,}", format_bytes(size), ""))
    _print(("file", ">examples", ">size", "compression"), rows, sums=len(files) > 1)
    features: dict[str, StoredFeature] = {}
    for file in files:
        features = merge(features, file.features)
    rows = [
        (name, " and ".join(feature.kinds) or "unknown", _values(feature), f"{records - feature.rows:,}")
        for name, feature in features.items()
    ]
    _print(("feature", "kind", ">values", ">missing"), rows)


def print_example(number: int, row: Mapping[str, list[Any]]) -> None:
    """Prints an example, with long values truncated."""
    console = SafeConsole(highlight=False)
    console.print(f"[bold]example {number:,}[/]")
    for name, values in row.items():
        console.print(f"  {escape(name)}: {escape(_shown(values))}", soft_wrap=True)


def print_stats(stats: "Stats") -> None:
    """Prints a table of numeric features and a table of bytes features."""
    from tensorsmith.tfrecord import NumberStats

    print_text(f"{stats.records:,} examples")
    numbers, texts = [], []
    for name, figures in stats.features.items():
        first = (name, f"{figures.count:,}", f"{stats.records - figures.rows:,}")
        if isinstance(figures, NumberStats):
            numbers.append((*first, *_numbers(figures)))
        else:
            texts.append((*first, *_texts(figures)))
    _print(("feature", ">values", ">missing", ">min", ">max", ">mean", ">std", ">zeros", ">NaN"), numbers)
    _print(("feature", ">values", ">missing", ">bytes", ">empty", ">distinct", "frequent"), texts)


def _print(headings: Sequence[str], rows: Sequence[Sequence[str]], sums: bool = False) -> None:
    """Prints a table. If the terminal is too narrow, the cells of each row are printed as a list.

    Args:
        headings: Column headings. The prefix ">" right-aligns a column.
        rows: Table rows, each a sequence of cells.
        sums: If `True`, the last row contains totals and is preceded by a separator line.
    """
    table = Table()
    for heading in headings:
        justify: Literal["left", "right"] = "right" if heading[0] == ">" else "left"
        table.add_column(heading.removeprefix(">"), justify=justify, no_wrap=True)
    for number, row in enumerate(rows, 1):
        table.add_row(*map(escape, row), end_section=sums and number == len(rows) - 1)
    console = SafeConsole(highlight=False)
    width = console.measure(table, options=console.options.update(max_width=10**6)).maximum
    if not rows:
        return
    if not console.is_terminal:
        console.width = max(width, console.width)
    if width <= console.width:
        console.print(table)
        return
    for first, *rest in rows:
        console.print(f"[bold]{escape(first)}[/]", soft_wrap=True)
        cells = [
            f"{heading.removeprefix('>')} {cell}" for heading, cell in zip(headings[1:], rest, strict=True) if cell
        ]
        console.print(f"  {escape(', '.join(cells))}")


def _values(feature: "StoredFeature") -> str:
    if feature.steps is None:
        return _range(feature.counts)
    return f"{_range(feature.counts)} steps of {_range(feature.steps)}"


def _range(counts: "Range") -> str:
    same = counts.fewest == counts.most
    return f"{counts.most:,}" if same else f"{counts.fewest:,} to {counts.most:,}"


def _numbers(figures: "NumberStats") -> list[str]:
    known = figures.count > figures.nan
    bounds = [f"{figures.least:.4g}", f"{figures.greatest:.4g}"]
    if isinstance(figures.least, int):
        bounds = [f"{figures.least:,}", f"{figures.greatest:,}"]
    moments = [f"{figures.mean:.4g}", f"{figures.deviation:.4g}"]
    return [*(bounds + moments if known else [""] * 4), f"{figures.zeros:,}", f"{figures.nan:,}"]


def _texts(figures: "BytesStats") -> list[str]:
    same = figures.shortest == figures.longest
    lengths = f"{figures.longest:,}" if same else f"{figures.shortest:,} to {figures.longest:,}"
    if figures.found is None:
        return [lengths, f"{figures.empty:,}", f"> {figures.MOST_DISTINCT:,}", ""]
    often = (f"{count:,} x {_kept(value)}" for value, count in _most_frequent(figures.found) if count > 1)
    return [lengths, f"{figures.empty:,}", f"{len(figures.found):,}", "\n".join(often)]


def _most_frequent(found: Counter[bytes]) -> list[tuple[bytes, int]]:
    """Returns the three most frequent values and their counts. Equally frequent values are sorted."""
    return sorted(found.items(), key=lambda item: (-item[1], item[0]))[:3]


def _kept(value: bytes) -> str:
    """Returns a bytes value in readable form. Long values are truncated."""
    from tensorsmith.tfrecord import BytesStats, image_format

    if len(value) <= BytesStats.KEPT:
        return _shown(value)
    beginning = value[: BytesStats.KEPT].decode(errors="backslashreplace")
    return f"{image_format(value)} image" if image_format(value) else f"{beginning!r}..."


def _shown(value: Any) -> str:
    if isinstance(value, list):
        more = f", ... ({len(value):,} values)" if len(value) > MOST_VALUES else ""
        return f"[{', '.join(map(_shown, value[:MOST_VALUES]))}{more}]"
    if not isinstance(value, bytes):
        return f"{value:g}" if isinstance(value, float) and math.isfinite(value) else str(value)
    from tensorsmith.tfrecord import image_format

    if image_format(value):
        return f"{image_format(value)} of {format_bytes(len(value))}"
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return f"{value[:8].hex(' ')}{' ...' if len(value) > 8 else ''} ({format_bytes(len(value))})"
    more = f"... ({format_bytes(len(value))})" if len(text) > MOST_LETTERS else ""
    return repr(text[:MOST_LETTERS]) + more
