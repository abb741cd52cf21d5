"""List the recipes."""

import argparse
import json
import re
from typing import Any

from rich.table import Table

from tensorsmith.recipes import all_recipes
from tensorsmith.tools.console import make_console, one_line
from tensorsmith.tuning import declared


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
            "search_ranges": {name: str(known) for name, known in declared(recipe.recipe.config_class).items()},
        }
        for recipe in all_recipes()
    ]
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return 0
    console = make_console()
    table = Table()
    for heading in ("name", "description", "score", "seconds", "tune"):
        table.add_column(heading, no_wrap=heading != "description", justify="right" if heading == "seconds" else "left")
    for row in rows:
        score = row["score"].split()[-1] if console.is_terminal else row["score"]  # `show` prints the metric, too
        seconds = "" if row["seconds"] is None else f"{row['seconds']:.0f}"
        table.add_row(row["name"], one_line(row["shows"]), score, seconds, "yes" if row["search_ranges"] else "")
    console.print(table)
    return 0


def _number(line: str) -> float | None:
    """Returns the number at the start of a line, or `None`."""
    found = re.match(r"[\d.]+", line)
    return float(found[0]) if found else None
