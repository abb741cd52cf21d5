"""Check a configuration file, all mistakes at once."""

import argparse
from pathlib import Path

from tensorsmith.recipes import read_yaml, recipe_in, resolve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument("file", metavar="FILE.yaml", type=Path)


def execute(arguments: argparse.Namespace) -> int:
    """Says whether `run --config` would take the file."""
    values = read_yaml(arguments.file)
    recipe = recipe_in(values)
    resolve(recipe, values)
    print(f"{arguments.file}: valid for {recipe.name}")
    return 0
