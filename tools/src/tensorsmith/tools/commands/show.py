"""Show the header and the configuration of a recipe."""

import argparse

from tensorsmith.core import Verbatim, argument_error, print_text
from tensorsmith.recipes import RecipeFile, find_recipe, read_results, resolve, to_yaml
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
    if not isinstance(definition, SupervisedRecipe):
        raise argument_error("--budget", received, "used with a recipe that defines build_trainer")
    if recipe.prepares:
        expected = "used with a recipe that builds its model without a preparation"
        remedy = "run the recipe, and pass its model.keras to `tensorsmith.models.model_budget`"
        raise argument_error("--budget", received, expected, remedy)
    model = definition.build_trainer(definition.config_class()).model
    if len(getattr(model, "inputs", None) or ()) != 1 or None not in model.inputs[0].shape[1:]:
        return str(model_budget(model))
    shape = _shape_in_smoke_run(recipe, definition)
    return f"For an example of shape {shape}, as in the smoke run:\n{model_budget(model, shape)}"


def _shape_in_smoke_run(recipe: RecipeFile, definition: SupervisedRecipe) -> tuple[int, ...]:
    """Returns the shape of an example in the first batch of the training data, which are few with `SMOKE`."""
    train = definition.build_data(resolve(recipe, definition.smoke))["train"]
    batch = train if isinstance(train, tuple) else next(iter(train))
    features = batch[0] if isinstance(batch, tuple) else batch
    return tuple(features.shape[1:])
