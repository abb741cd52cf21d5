"""Copy a recipe to a script of your own."""

import argparse
import shutil
from pathlib import Path

from tensorsmith.core import argument_error, replace_file
from tensorsmith.recipes import find_recipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument("name", metavar="NAME", help="as `tensorsmith recipes` lists it")
    parser.add_argument("destination", metavar="DEST", type=Path, help="a new file, or a folder")


def execute(arguments: argparse.Namespace) -> int:
    """Copies the file, never over another."""
    recipe = find_recipe(arguments.name)
    target: Path = arguments.destination
    if target.is_dir():
        target /= recipe.path.name
    if target.exists():
        raise argument_error("DEST", str(target), "a file that does not exist yet", "name another")
    if target.suffix != ".py":
        raise argument_error("DEST", str(target), "a name that ends in .py, or a folder that exists")
    with replace_file(target) as draft:
        shutil.copyfile(recipe.path, draft)
    print(f"{target}: edit it, then `python {target}` or `tensorsmith run {target}`")
    return 0
