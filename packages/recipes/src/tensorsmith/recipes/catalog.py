"""Catalog of recipes, each of which is a file `<family>/<name>.py` in the recipes folder."""

import ast
import functools
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tensorsmith.core import (
    UnreadableFileError,
    Verbatim,
    argument_error,
    check,
    did_you_mean,
    load_tensorflow,
    read_text,
)
from tensorsmith.recipes.declarations import load_declarations
from tensorsmith.recipes.recipe_settings import field_comments
from tensorsmith.runs import ProcedureRecipe, Recipe, SupervisedRecipe, declared_parts, recipe_of

MOST_LINES = 100  # of a starting point
LARGEST = 1_000_000  # bytes of a recipe file, which is parsed


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
    def _text(self) -> str:
        return read_text(self.path, LARGEST)

    @functools.cached_property
    def _tree(self) -> ast.Module:
        try:
            return ast.parse(self._text, filename=str(self.path))
        except UnreadableFileError:
            raise
        except (ValueError, MemoryError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
            received = Verbatim(f"{self.path}, which cannot be parsed ({str(error) or type(error).__name__})")
            raise UnreadableFileError.like(argument_error("recipe", received, "a Python file in UTF-8")) from error

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

    @property
    def objective(self) -> tuple[str, str]:
        """Split and name of the main score, such as `("test", "accuracy")`.

        Raises:
            ValueError: If the recipe does not define it.
        """
        words = str(self.declaration.score).split()
        remedy = f'define SCORE = "test accuracy" in {self.path}, or another split and metric'
        check(len(words) == 2, "SCORE", self.declaration.score, "the name of a split and of a metric", remedy)
        return words[0], words[1]

    @property
    def comments(self) -> Mapping[str, str]:
        """Mapping from the field names of `Config` to their descriptions, which are comments in the file."""
        return field_comments(self.declaration.config_class)

    def check_definitions(self) -> None:
        """Raise an error if the file does not define a recipe. The file is not executed.

        Raises:
            ValueError: If a required definition is missing.
            SyntaxError: If the file is not valid Python.
        """
        defined = set(_defined_names(self._tree.body))
        required = ("Config", "train") if "train" in defined else ("Config", "build_data", "build_trainer")
        missing = " and ".join(name for name in required if name not in defined)
        # The names that `from module import *` defines are known when the file is executed.
        if missing and "*" not in defined:
            received = Verbatim(f"{self.name}, which does not define {missing}")
            expected = "a recipe, which defines Config and either train, or build_data and build_trainer"
            remedy = f"run other scripts with `python {self.name}`, or see `tensorsmith new recipe --help`"
            raise argument_error("recipe", received, expected, remedy)

    @property
    def supervised(self) -> bool:
        """`True` if the recipe fits a model to data, `False` if it defines its own training procedure."""
        defined = set(_defined_names(self._tree.body))
        return isinstance(self.recipe, SupervisedRecipe) if "*" in defined else "train" not in defined

    @property
    def is_starting_point(self) -> bool:
        """`True` if the recipe shows one idea in at most 100 lines, so that it can be copied and changed.

        Other recipes compare variants, or are longer examples.
        """
        return len(self._text.splitlines()) <= MOST_LINES and "VARIANTS" not in set(_defined_names(self._tree.body))

    @property
    def prepares(self) -> bool:
        """`True` if the recipe has a function `prepare`."""
        return "prepare" in set(_defined_names(self._tree.body))

    @functools.cached_property
    def declaration(self) -> Recipe:
        """Settings and constants of the recipe.

        The functions of the file are not defined and, in most files, TensorFlow is not imported. The configuration
        class is therefore another one than that of `recipe`, with equal fields.
        """
        module = load_declarations(self._tree, self.path, f"{self._module_name}_declaration")
        return self.recipe if module is None else Recipe(**declared_parts(module))

    @functools.cached_property
    def recipe(self) -> SupervisedRecipe | ProcedureRecipe:
        """Recipe that the file defines. The whole file is executed, and with it the import of TensorFlow."""
        load_tensorflow()
        spec = importlib.util.spec_from_file_location(self._module_name, self.path)
        if spec is None or spec.loader is None:
            raise argument_error("recipe", str(self.path), "a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[self._module_name] = module
        spec.loader.exec_module(module)
        return recipe_of(module)

    @property
    def variables(self) -> Mapping[str, Any]:
        """Mapping from the names that the file defines to their values."""
        assert self.recipe
        return vars(sys.modules[self._module_name])

    @property
    def _module_name(self) -> str:
        return f"tensorsmith_recipe_{self.run_name.replace('-', '_')}"


def _defined_names(nodes: Sequence[ast.stmt]) -> Iterator[str]:
    """Yield the names that statements define at the top level of a module, also within `if`, `try` and `with`."""
    for node in nodes:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name))
        else:
            blocks = (getattr(node, field, []) for field in ("body", "orelse", "finalbody", "handlers"))
            yield from (name for block in blocks for name in _defined_names(block))


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
        ValueError: If it does not exist, or if the file does not define a recipe. The message suggests the closest
            name.
        SyntaxError: If the file is not valid Python.
    """
    path = recipe_path(name)
    known = next((recipe for recipe in all_recipes() if recipe.path == path), None)
    file = known or RecipeFile(name, path)
    if name.endswith(".py"):
        file.check_definitions()
    return file


def recipe_path(name: str) -> Path:
    """Return the path of the recipe with the given name or file path. The file is not read.

    Raises:
        ValueError: If it does not exist. The message suggests the closest name.
    """
    if name.endswith(".py"):
        path = Path(name.replace("\0", "")).resolve()
        if "\0" in name or not path.is_file():
            raise argument_error("recipe", name, "an existing file")
        return path
    paths = {recipe.name: recipe.path for recipe in all_recipes()}
    if name not in paths:
        guess = did_you_mean(name, paths) or "run `tensorsmith recipes` to list the recipes"
        raise argument_error("recipe", name, "the name of a recipe", guess)
    return paths[name]
