"""List the recipes."""

import argparse
import json
from typing import Any

from rich.console import Console
from rich.table import Table

from tensorsmith.core import print_text
from tensorsmith.recipes import RecipeFile, all_recipes, read_results
from tensorsmith.tools.console import make_console, one_line
from tensorsmith.tuning import declared

HEADINGS = ("name", "description", "score", "seconds", "tune")
WIDE = 140  # columns of a terminal in which a table has space for most of a description


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command-line arguments to the parser."""
    parser.add_argument("--json", action="store_true", help="print the list as JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Prints the list of recipes."""
    recipes = all_recipes()
    if arguments.json:
        print_text(json.dumps([_row(recipe) for recipe in recipes], indent=2))
        return 0
    console = make_console()
    console.print("Starting points, to be copied with `tensorsmith copy NAME FILE.py`:")
    _print(starting_points(), console)
    console.print("\nExperiments, which compare variants, and longer examples:")
    _print([recipe for recipe in recipes if not recipe.is_starting_point], console)
    return 0


def starting_points() -> list[RecipeFile]:
    """Returns the recipes that are there to be copied."""
    return [recipe for recipe in all_recipes() if recipe.is_starting_point]


def _row(recipe: RecipeFile) -> dict[str, Any]:
    results = read_results(recipe)
    return {
        "name": recipe.name,
        "family": recipe.family,
        "kind": "starting point" if recipe.is_starting_point else "experiment",
        "shows": recipe.shows,
        "score": results.score(recipe),
        "seconds": results.seconds,
        "search_ranges": {name: str(known) for name, known in declared(recipe.declaration.config_class).items()},
    }


def _print(recipes: list[RecipeFile], console: Console) -> None:
    """Prints a table or, if the terminal is narrow, two lines for each recipe, of which a table would truncate most."""
    cells: list[tuple[str, ...]] = [
        (
            row["name"],
            row["shows"],
            row["score"].partition(" (")[0],
            _shown(row["seconds"]),
            "yes" if row["search_ranges"] else "",
        )
        for row in map(_row, recipes)
    ]
    if console.width < WIDE:
        names, _, scores, *_ = (max(map(len, column)) for column in zip(*cells, strict=True))
        for name, shows, score, seconds, _ in cells:
            line = f"{name:{names}}  {score:{scores}}  {seconds:>5} s"
            console.print(line, no_wrap=True, overflow="ellipsis")
            console.print(f"  {shows}", style="dim", markup=False, no_wrap=True, overflow="ellipsis")
        return
    table = Table()
    for heading in HEADINGS:
        table.add_column(heading, no_wrap=heading != "description", justify="right" if heading == "seconds" else "left")
    for name, shows, *others in cells:
        table.add_row(name, one_line(shows), *others)
    console.print(table)


def _shown(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.0f}"
