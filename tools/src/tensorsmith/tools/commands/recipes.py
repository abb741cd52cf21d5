"""List the recipes."""

import argparse
import json
import re
from typing import Any

from rich.console import Console
from rich.table import Table

from tensorsmith.core import print_text
from tensorsmith.recipes import all_recipes
from tensorsmith.tools.console import make_console, one_line
from tensorsmith.tuning import declared

HEADINGS = ("name", "description", "score", "seconds", "tune")
WIDE = 140  # columns of a terminal in which a table has space for most of a description


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command-line arguments to the parser."""
    parser.add_argument("--json", action="store_true", help="print the list as JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Prints the list of recipes."""
    rows: list[dict[str, Any]] = [
        {
            "name": recipe.name,
            "family": recipe.family,
            "shows": recipe.shows,
            "score": recipe.line("Score"),
            "seconds": _number(recipe.line("Seconds")),
            "search_ranges": {name: str(known) for name, known in declared(recipe.declaration.config_class).items()},
        }
        for recipe in all_recipes()
    ]
    if arguments.json:
        print_text(json.dumps(rows, indent=2))
        return 0
    console = make_console()
    cells: list[tuple[str, ...]] = [
        (row["name"], row["shows"], row["score"], _shown(row["seconds"]), "yes" if row["search_ranges"] else "")
        for row in rows
    ]
    if console.width < WIDE:
        _print_narrow(cells, console)
        return 0
    table = Table()
    for heading in HEADINGS:
        table.add_column(heading, no_wrap=heading != "description", justify="right" if heading == "seconds" else "left")
    for name, shows, *others in cells:
        table.add_row(name, one_line(shows), *others)
    console.print(table)
    return 0


def _print_narrow(cells: list[tuple[str, ...]], console: Console) -> None:
    """Prints two lines for each recipe: name, score and seconds, and the description. A table would truncate most."""
    names, _, scores, *_ = (max(map(len, column)) for column in zip(*cells, strict=True))
    for name, shows, score, seconds, _ in cells:
        console.print(f"{name:{names}}  {score:{scores}}  {seconds:>5} s", no_wrap=True, overflow="ellipsis")
        console.print(f"  {shows}", style="dim", markup=False, no_wrap=True, overflow="ellipsis")


def _shown(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.0f}"


def _number(line: str) -> float | None:
    """Returns the number at the start of a line, or `None`."""
    found = re.match(r"[\d.]+", line)
    return float(found[0]) if found else None
