"""Train recipes again and compare their scores with the recorded ones."""

import argparse

from rich.table import Table

from tensorsmith.core import check
from tensorsmith.recipes import all_recipes, find_recipe, reproduce
from tensorsmith.recipes.shown_numbers import with_digits
from tensorsmith.tools.console import make_console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command-line arguments to the parser."""
    parser.add_argument("names", metavar="NAME", nargs="*", help="recipes listed by `tensorsmith recipes`")
    parser.add_argument("--all", action="store_true", help="train all recipes, which takes more than an hour")
    parser.add_argument("--parallel", type=int, default=1, metavar="N", help="number of runs at a time (1)")


def execute(arguments: argparse.Namespace) -> int:
    """Prints a table of the scores, and returns 1 if one is not in the recorded range."""
    check(bool(arguments.names) != arguments.all, "NAME", arguments.names, "names of recipes, or --all without names")
    check(arguments.parallel >= 1, "--parallel", arguments.parallel, ">= 1")
    table = Table()
    for heading in ("recipe", "score", "value", "accepted range", ""):
        table.add_column(heading)
    succeeded = True
    recipes = all_recipes() if arguments.all else [find_recipe(name) for name in arguments.names]
    for result in reproduce(recipes, arguments.parallel):
        value, low, high = (
            "failed" if number is None else with_digits(number, result.lowest)
            for number in (result.value, result.lowest, result.highest)
        )
        mark = "reproduced" if result.succeeded else result.error or "outside of the range"
        table.add_row(result.recipe, result.score, value, f"{low} to {high}", mark)
        succeeded &= result.succeeded
    make_console().print(table)
    return 0 if succeeded else 1
