"""Show the header and the configuration of a recipe."""

import argparse

from tensorsmith.core import Verbatim, argument_error, print_text
from tensorsmith.recipes import RecipeFile, find_recipe, read_results, to_yaml
from tensorsmith.runs import SupervisedRecipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command-line arguments to the parser."""
    parser.add_argument("name", metavar="NAME", help="recipe listed by `tensorsmith recipes`")
    parser.add_argument(
        "--budget", action="store_true", help="also show parameters, multiplications and memory of the model, by layer"
    )


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
    if arguments.budget:
        print_text(f"\n{_budget(recipe)}")
    return 0


def _budget(recipe: RecipeFile) -> str:
    """Returns the budget of the model that the recipe builds with its default configuration."""
    from tensorsmith.models import model_budget

    definition = recipe.recipe
    received = Verbatim(f"--budget with {recipe.name}")
    expected = "used with a recipe that builds its model without a preparation"
    if not isinstance(definition, SupervisedRecipe) or recipe.prepares:
        raise argument_error("--budget", received, expected)
    return str(model_budget(definition.build_trainer(definition.config_class()).model))
