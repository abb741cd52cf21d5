"""Tables and figures that `tensorsmith data` displays."""

import re
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.markup import escape
from rich.table import Table

from tensorsmith.core import format_bytes, print_text
from tensorsmith.data.datasets.dataset import Column
from tensorsmith.data.datasets.obtain import cache_folder, is_cached
from tensorsmith.data.datasets.registry import with_files
from tensorsmith.tools.console import make_console, one_line

if TYPE_CHECKING:
    from tensorsmith.data import Dataset, DatasetInfo

ROWS, LABELS, LINES, IMAGES = 3, 16, 8, 64
WIDTH = 100


def print_list(descriptions: "Sequence[DatasetInfo]") -> None:
    """Prints a table with one row per data set."""
    table = Table()
    table.add_column("name", no_wrap=True)
    table.add_column("description")
    table.add_column("examples", justify="right", no_wrap=True)
    table.add_column("licence")
    table.add_column("cached", no_wrap=True)
    for info in descriptions:
        count = "1 text" if info.kind == "text" else f"{sum(info.splits.values()):,}"
        licence = re.split(r"[;(]| by ", info.licence)[0].strip()  # `tensorsmith data info` prints the full text
        table.add_row(info.name, one_line(info.title), count, one_line(licence), _cached(info))
    make_console().print(table)


def print_info(info: "DatasetInfo") -> None:
    """Prints the description, splits, license and sources of a data set without fetching the data."""
    unit = " characters" if info.kind == "text" else ""
    origin = with_files(info)
    print_text(f"{info.name}: {info.title}\n")
    print_text(textwrap.fill(info.description, WIDTH) + "\n")
    lines = {
        "splits": ", ".join(f"{split} {count:,}{unit}" for split, count in info.splits.items()),
        "classes": ", ".join(info.class_names),
        "columns": ", ".join(f"{name} ({column.unit or 'string'})" for name, column in info.columns.items()),
        "labels": _described_labels(info),
        "licence": info.licence,
        "published by": info.source,
        "cached": _cached(info) + (f", {cache_folder() / origin.name}" if origin.sources else ""),
    }
    for heading, line in lines.items():
        if line:
            print_text(_filled(line, f"{heading:<14}"))
    for number, source in enumerate(origin.sources):
        files = ", ".join(file.name for file in source.files)
        line = f"{source.location}, {format_bytes(source.size)}: {files}"
        indent = f"{'' if number else 'sources':<14}"
        print_text(_filled(line, indent))


def _described_labels(info: "DatasetInfo") -> str:
    if isinstance(info.label, Mapping):
        units = {name: f" in {column.unit}" if column.unit else "" for name, column in info.label.items()}
        return ", ".join(f"{name} {column.dtype} {column.shape}{units[name]}" for name, column in info.label.items())
    return info.label.unit if info.label else ""


def _filled(text: str, head: str) -> str:
    """Returns a heading followed by wrapped and indented text. Paths and names are not broken."""
    lines = textwrap.TextWrapper(WIDTH, head, " " * len(head), break_long_words=False, break_on_hyphens=False)
    return lines.fill(text)


def print_preview(info: "DatasetInfo", data: "Dataset") -> None:
    """Prints the first examples of a split, and statistics of all examples."""
    count = f"{len(data.features):,} characters" if info.kind == "text" else f"{_length(data.features):,} examples"
    print_text(f"{info.name}, {data.split}: {count}")
    if info.kind == "text":
        print_text("\n".join(f"  {line}" for line in data.features.splitlines()[:LINES]))
        frequent = ", ".join(f"{letter!r} {share:,}" for letter, share in Counter(data.features).most_common(LINES))
        print_text(f"{len(set(data.features))} distinct characters; most frequent: {frequent}")
    if info.kind == "texts":
        for text, label in zip(data.features[:LINES], data.labels, strict=False):
            print_text(textwrap.fill(f"{label:>6.2f}  {text}", WIDTH, subsequent_indent=" " * 8))
    if info.kind == "images":
        height, width = data.features.shape[1:3]
        mean, deviation = data.features.mean(), data.features.std()
        print_text(f"images of {height}x{width} pixels in [0, 1], mean {mean:.4f}, standard deviation {deviation:.4f}")
    if isinstance(info.label, Mapping):
        print_text(f"labels: {_described_labels(info)}")
    _print_columns(info, data)
    if info.class_names and (not isinstance(data.labels, Mapping) or "classes" in data.labels):
        _print_classes(info, data)


def draw(info: "DatasetInfo", data: "Dataset", path: Path) -> str:
    """Writes a PNG file with the first images or with a plot of the time series, and returns its description."""
    if info.kind == "images":
        from tensorsmith.tfrecord import contact_sheet

        pixels = np.round(data.features[:IMAGES] * 255).astype(np.uint8)
        count = contact_sheet((image.tobytes() for image in pixels), path, info.shape)
        return f"first {count} images, row by row"
    from matplotlib.figure import Figure

    from tensorsmith.core import replace_file

    time, *others = data.features
    figure = Figure(figsize=(9, 3 * len(others)), layout="constrained")
    for panel, name in zip(figure.subplots(len(others), squeeze=False)[:, 0], others, strict=True):
        panel.plot(data.features[time].astype("datetime64[s]"), data.features[name], linewidth=0.8)
        panel.set_title(f"{info.title}, {data.split}")
        panel.set_ylabel(f"{name}, {info.columns[name].unit}")
        panel.grid(alpha=0.3)
    with replace_file(path) as draft:
        figure.savefig(draft, dpi=120, format="png")
    return f"{', '.join(others)} over time"


def _print_columns(info: "DatasetInfo", data: "Dataset") -> None:
    """Prints a table with one row for each column of a data set, and one row for the labels if they are numbers."""
    columns = {}
    for number, (name, column) in enumerate(info.columns.items()):
        columns[name] = (column.unit, data.features[:, number] if info.is_matrix else data.features[name])
    if isinstance(info.label, Column) and not info.class_names:
        columns["label"] = (info.label.unit, data.labels)
    if not columns:
        return
    table = Table("column", "unit", f"first {ROWS}")
    for heading in ("min", "mean", "max"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, (unit, values) in columns.items():
        if info.kind == "series" and values.dtype == "int64":
            values = values.astype("datetime64[s]")
            figures = [_shown(values.min()), "", _shown(values.max())]
        elif values.dtype == object:
            unit, figures = f"{len(set(values)):,} strings", []
        else:
            figures = [_shown(values.min()), _shown(values.mean(dtype=float)), _shown(values.max())]
        table.add_row(escape(name), one_line(unit), one_line(", ".join(map(_shown, values[:ROWS]))), *figures)
    make_console().print(table)


def _print_classes(info: "DatasetInfo", data: "Dataset") -> None:
    several = isinstance(data.labels, Mapping)  # kinds of labels, of which "classes" has a row for each example
    labels = data.labels["classes"] if several else data.labels
    labels = labels[labels >= 0] if several else labels
    table = Table("label", "class", "items" if several else "examples", "fraction")
    for column in (0, 2, 3):
        table.columns[column].justify = "right"
    counts = Counter(labels.tolist())
    for label, name in enumerate(info.class_names):
        table.add_row(str(label), escape(name), f"{counts[label]:,}", f"{counts[label] / len(labels):.1%}")
    make_console().print(table)
    if several:
        return
    print_text(f"first labels: {', '.join(info.class_names[label] for label in labels[:LABELS])}")


def _shown(value: Any) -> str:
    if not isinstance(value, float | np.floating):
        return str(value)
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.6g}"


def _length(features: Any) -> int:
    return len(next(iter(features.values())) if isinstance(features, dict) else features)


def _cached(info: "DatasetInfo") -> str:
    files = with_files(info)
    if not files.sources:
        return "not needed"
    return "yes" if is_cached(files) else "no"
