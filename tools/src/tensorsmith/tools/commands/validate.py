"""Check a configuration file and report all errors."""

import argparse
from pathlib import Path

from tensorsmith.core import Verbatim, argument_error, print_text
from tensorsmith.recipes import read_yaml, recipe_in, resolve_run
from tensorsmith.recipes.trust import check_code_fields
from tensorsmith.tools.parsing import add_trust_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command-line arguments to the parser."""
    parser.add_argument("file", metavar="FILE.yaml", type=Path, help="configuration file, as for `run --config`")
    parser.add_argument("--recipe", metavar="NAME", help="recipe, if the file has no line `recipe: NAME`")
    add_trust_argument(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Prints whether the configuration file is valid for `tensorsmith run --config`."""
    values = read_yaml(arguments.file)
    if arguments.recipe is not None:
        values = {"recipe": arguments.recipe, **values}
    if "recipe" not in values:
        remedy = f"pass it with `tensorsmith validate {arguments.file} --recipe NAME`, or add a line `recipe: NAME`"
        raise argument_error("recipe", Verbatim(f"{arguments.file}, which names none"), "the name of a recipe", remedy)
    # A file of this name may belong to a run folder that somebody else has made.
    run = arguments.file.parent if arguments.file.name == "config.yaml" else None
    recipe = recipe_in(values, run, arguments.trust)
    if not arguments.trust:
        check_code_fields(recipe.declaration, values, arguments.file)
    _, settings = resolve_run(recipe, values)
    settings.check_callbacks(run or Path("runs"), arguments.trust, arguments.file)
    print_text(f"{arguments.file}: valid for {recipe.name}")
    return 0
