"""List the recipes."""

import argparse
import json
import re
from typing import Any

from rich.console import Console
from rich.table import Table

from tensorsmith.recipes import all_recipes


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
        }
        for recipe in all_recipes()
    ]
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return 0
    table = Table()
    for heading in ("name", "family", "description", "score", "seconds"):
        table.add_column(heading, justify="right" if heading == "seconds" else "left", no_wrap=heading == "name")
    for row in rows:
        table.add_row(
            row["name"],
            row["family"],
            row["shows"],
            row["score"],
            "" if row["seconds"] is None else f"{row['seconds']:.0f}",
        )
    Console().print(table)
    return 0


def _number(line: str) -> float | None:
    """Returns the number at the start of a line, or `None`."""
    found = re.match(r"[\d.]+", line)
    return float(found[0]) if found else None
