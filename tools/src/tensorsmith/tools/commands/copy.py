"""Copy a recipe to a new script."""

import argparse
import shutil
from pathlib import Path

from tensorsmith.core import argument_error, print_text, replace_file
from tensorsmith.recipes import find_recipe
from tensorsmith.tools.commands.recipes import starting_points

EXIT_USAGE = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command-line arguments to the parser."""
    parser.add_argument("name", metavar="NAME", nargs="?", help="recipe, by default those to choose from are listed")
    parser.add_argument("destination", metavar="DEST", type=Path, nargs="?", help="new .py file, or an existing folder")


def execute(arguments: argparse.Namespace) -> int:
    """Copies the recipe file, unless the target file exists."""
    if arguments.name is None:
        for each in starting_points():
            print_text(f"{each.name}: {each.shows}")
        print_text("Copy one of these starting points, or another recipe of `tensorsmith recipes`, with NAME DEST.")
        return EXIT_USAGE
    if arguments.destination is None:
        raise argument_error("DEST", None, "a new .py file, or an existing folder")
    recipe = find_recipe(arguments.name)
    target: Path = arguments.destination
    if target.is_dir():
        target /= recipe.path.name
    if target.exists():
        raise argument_error("DEST", str(target), "a file that does not exist", "pass another name")
    if target.suffix != ".py":
        raise argument_error("DEST", str(target), "a file name that ends in .py, or an existing folder")
    with replace_file(target) as draft:
        shutil.copyfile(recipe.path, draft)
    print_text(f"Created {target}. Run it with `python {target}` or `tensorsmith run {target}`.")
    return 0
