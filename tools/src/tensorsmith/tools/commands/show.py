"""Show a recipe: what it is, and its configuration."""

import argparse

from tensorsmith.recipes import find_recipe, to_yaml


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument("name", metavar="NAME", help="as `tensorsmith recipes` lists it")


def execute(arguments: argparse.Namespace) -> int:
    """Prints header and configuration."""
    recipe = find_recipe(arguments.name)
    print(f"{recipe.header.strip()}\n\n{to_yaml(recipe, recipe.recipe.config_class())}", end="")
    return 0
