"""Copy a recipe to a new script."""

import argparse
import shutil
from pathlib import Path

from tensorsmith.core import argument_error, print_text, replace_file
from tensorsmith.recipes import find_recipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command-line arguments to the parser."""
    parser.add_argument("name", metavar="NAME", help="recipe listed by `tensorsmith recipes`")
    parser.add_argument("destination", metavar="DEST", type=Path, help="new .py file, or an existing folder")


def execute(arguments: argparse.Namespace) -> int:
    """Copies the recipe file, unless the target file exists."""
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
