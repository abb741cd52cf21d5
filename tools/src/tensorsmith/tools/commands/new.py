"""Create a recipe or a data set of your own from a template, together with a test."""

import argparse
import re
from pathlib import Path
from string import Template

from tensorsmith.core import check, print_text, replace_file
from tensorsmith.tools.subcommands import execute_subcommand, subcommand_adder

execute = execute_subcommand
TEMPLATES = Path(__file__).parents[1] / "templates"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the nested subcommands with their arguments and functions."""
    add = subcommand_adder(parser)
    recipe = add("recipe", _recipe, "create FAMILY/NAME.py, which trains a small network, and a test of it")
    recipe.add_argument("name", metavar="FAMILY/NAME", help="name of the recipe, such as mlp/mine")
    dataset = add("dataset", _dataset, "create NAME.py, which describes a data set, and a test of it")
    dataset.add_argument("name", metavar="NAME", help="name of the data set, such as wine")


def _recipe(arguments: argparse.Namespace) -> int:
    name: str = arguments.name
    family, _, stem = name.partition("/")
    fits = family.isidentifier() and stem.isidentifier()
    check(fits, "FAMILY/NAME", name, "two Python identifiers, such as mlp/mine")
    file, test = Path(family, f"{stem}.py"), Path("tests", family, f"test_{stem}.py")
    _create({file: "recipe.py.txt", test: "test_recipe.py.txt"}, name=name, file=file.as_posix())
    print_text(f"Train it with `tensorsmith run {file}`, and test it with `pytest {test}`.")
    return 0


def _dataset(arguments: argparse.Namespace) -> int:
    name: str = arguments.name
    check(bool(re.fullmatch("[a-z][a-z0-9_]*", name)), "NAME", name, "a lower-case Python identifier, such as wine")
    file, test = Path(f"{name}.py"), Path("tests", f"test_{name}.py")
    _create({file: "dataset.py.txt", test: "test_dataset.py.txt"}, name=name)
    print_text(f"Show it with `tensorsmith data preview {file}`, and test it with `pytest {test}`.")
    return 0


def _create(files: dict[Path, str], **values: str) -> None:
    """Writes files from templates, unless one of them exists."""
    for path in files:
        check(not path.exists(), "NAME", str(path), "the name of a file that does not exist", "pass another name")
    for path, template in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(path) as draft:
            draft.write_text(Template((TEMPLATES / template).read_text()).substitute(values))
        print_text(f"Created {path}.")
