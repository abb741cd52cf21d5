"""Show the header and the configuration of a recipe."""

import argparse

from tensorsmith.core import print_text
from tensorsmith.recipes import find_recipe, read_results, to_yaml


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command-line arguments to the parser."""
    parser.add_argument("name", metavar="NAME", help="recipe listed by `tensorsmith recipes`")


def execute(arguments: argparse.Namespace) -> int:
    """Prints the header and the default configuration."""
    recipe = find_recipe(arguments.name)
    results = read_results(recipe)
    print_text(recipe.header.strip())
    answer = results.answer(recipe)
    if answer:
        print_text(f"\nAnswer: {answer}")
    if results.seconds is not None:
        print_text(f"Score: {results.score(recipe)}\nSeconds: {results.seconds:.0f} on 2 CPU cores")
    print_text(f"\n{to_yaml(recipe, recipe.declaration.config_class())}", end="")
    return 0
