"""Catalog of recipes, each of which is a file `<family>/<name>.py` in the recipes folder."""

import ast
import functools
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tensorsmith.core import ProcedureRecipe, SupervisedRecipe, argument_error, did_you_mean, recipe_of


@dataclass(frozen=True)
class RecipeFile:
    """Recipe file, whose header can be read without importing the file.

    Attributes:
        name: `family/name`, or the path of a file outside the catalog.
        path: Path of the recipe file.
    """

    name: str
    path: Path

    @property
    def family(self) -> str:
        """Name of the folder that contains the file."""
        return self.path.parent.name

    @property
    def run_name(self) -> str:
        """Recipe name as it appears in the paths of run folders."""
        return self.path.stem if self.name.endswith(".py") else self.name.replace("/", "-")

    @functools.cached_property
    def _tree(self) -> ast.Module:
        return ast.parse(self.path.read_text(), filename=str(self.path))

    @property
    def header(self) -> str:
        """Module docstring of the file."""
        return ast.get_docstring(self._tree) or ""

    @property
    def shows(self) -> str:
        """First paragraph of the module docstring, joined into one line, without the final period."""
        return self.header.split("\n\n")[0].replace("\n", " ").rstrip(".")

    def line(self, key: str) -> str:
        """Return the value of the header line `key: value`, or an empty string if the line does not exist."""
        lines = (line.partition(":") for line in self.header.splitlines())
        return next((text.strip() for name, _, text in lines if name.strip() == key), "")

    @functools.cached_property
    def comments(self) -> Mapping[str, str]:
        """Mapping from the field names of `Config` to the comments on the lines that declare the fields."""
        lines = self.path.read_text().splitlines()
        (config,) = (node for node in self._tree.body if isinstance(node, ast.ClassDef) and node.name == "Config")
        fields = [node for node in config.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)]
        return {
            field.target.id: lines[(field.end_lineno or 0) - 1][field.end_col_offset :].strip(" #")
            for field in fields
            if isinstance(field.target, ast.Name)
        }

    @functools.cached_property
    def recipe(self) -> SupervisedRecipe | ProcedureRecipe:
        """Recipe that the file defines. TensorFlow is not imported until the recipe builds data or a trainer."""
        name = f"tensorsmith_recipe_{self.run_name.replace('-', '_')}"
        spec = importlib.util.spec_from_file_location(name, self.path)
        if spec is None or spec.loader is None:
            raise argument_error("recipe", str(self.path), "a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return recipe_of(module)


def recipes_folder() -> Path:
    """Return the recipes folder of the installed package or of the source checkout."""
    installed = Path(__file__).parent / "files"
    return installed if installed.is_dir() else Path(__file__).parents[5] / "recipes"


def all_recipes() -> list[RecipeFile]:
    """Return all recipes in the catalog, sorted by name."""
    paths = sorted(recipes_folder().glob("*/*.py"))
    return [RecipeFile(f"{path.parent.name}/{path.stem}", path) for path in paths if not path.stem.startswith("_")]


def find_recipe(name: str) -> RecipeFile:
    """Return the recipe with the given name or file path.

    Raises:
        ValueError: If it does not exist. The message suggests the closest name.
    """
    if name.endswith(".py"):
        path = Path(name).resolve()
        if not path.is_file():
            raise argument_error("recipe", name, "an existing file")
        known = next((recipe for recipe in all_recipes() if recipe.path == path), None)
        return known or RecipeFile(name, path)
    recipes = {recipe.name: recipe for recipe in all_recipes()}
    if name not in recipes:
        guess = did_you_mean(name, recipes) or "run `tensorsmith recipes` to list the recipes"
        raise argument_error("recipe", name, "the name of a recipe", guess)
    return recipes[name]
