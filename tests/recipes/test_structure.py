"""Tests of the form of the recipe files: header, functions, settings and imports."""

import ast
import dataclasses
import sys
from collections import Counter
from typing import get_type_hints

import numpy as np
import pytest

from tensorsmith.recipes import RecipeFile, Settings, TrainingSettings
from tensorsmith.recipes.catalog import all_recipes
from tensorsmith.runs import SupervisedRecipe


def comparable(value):
    """Return a value of which an equal one can be created by another import of the file."""
    if isinstance(value, dict):
        return {key: comparable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [comparable(each) for each in value]
    if dataclasses.is_dataclass(value):
        return comparable(dataclasses.asdict(value))
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.__code__.co_code if hasattr(value, "__code__") else value


def settings(config_class):
    """Return the names, types, default values and search ranges of settings, and the default configuration."""
    fields = [(field.name, field.metadata) for field in dataclasses.fields(config_class)]
    return fields, get_type_hints(config_class), dataclasses.asdict(config_class())


def constants(config_class):
    """Return the upper-case constants of the module of a class."""
    names = vars(sys.modules[config_class.__module__])
    return {name: comparable(value) for name, value in names.items() if name.isupper() and not callable(value)}


@pytest.fixture(params=all_recipes(), ids=lambda recipe: recipe.name)
def file(request):
    """Recipe file that has not been imported."""
    return RecipeFile(request.param.name, request.param.path)


def test_declaration_equals_the_imported_recipe(file):
    partial, whole = file.declaration.config_class, file.recipe.config_class
    assert partial is not whole
    assert settings(partial) == settings(whole)
    assert constants(partial) == constants(whole)
    assert file.supervised == isinstance(file.recipe, SupervisedRecipe)


def test_header_and_functions(file):
    text = file.path.read_text()
    assert len(text.splitlines()) <= 250
    assert all(file.line(key) for key in ("Data", "Command"))
    assert file.line("Command") == f"tensorsmith run {file.name}"
    assert not any(file.line(key) for key in ("Score", "Seconds", "Result", "Best"))  # results are data
    assert bool(file.line("Comparison")) == bool(file.declaration.variants)
    functions = {"build_data", "build_model", "build_trainer"} if file.supervised else {"train"}
    assert functions <= {getattr(node, "name", "") for node in ast.parse(text).body}


def test_settings(file):
    config_class = file.declaration.config_class
    assert issubclass(config_class, TrainingSettings if file.supervised else Settings)
    assert config_class.__dataclass_params__.frozen
    assert config_class().seed == 0
    assert len(file.objective) == 2
    assert all(file.comments.values())
    assert file.declaration.smoke.keys() <= file.comments.keys()


def test_plain_python(file):
    """A recipe reads like an example: all imports are at the top, and annotations are not quoted."""
    tree = ast.parse(file.path.read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    arguments = [node.annotation for node in ast.walk(tree) if isinstance(node, ast.arg | ast.AnnAssign)]
    annotations = [each for each in (*arguments, *(node.returns for node in functions)) if each is not None]
    assert all(node in tree.body for node in imports)
    assert not any(isinstance(node, ast.Name) and node.id == "TYPE_CHECKING" for node in ast.walk(tree))
    parts = [part for each in annotations if "Literal[" not in ast.unparse(each) for part in ast.walk(each)]
    assert not any(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in parts)


def test_recipes_differ():
    """Without imports, punctuation and the last lines, at most 15 % of all lines occur in ten recipes or more."""
    lines = {}
    for file in all_recipes():
        text = file.path.read_text()
        skipped = {
            number
            for node in ast.parse(text).body
            if isinstance(node, ast.Import | ast.ImportFrom | ast.If)
            for number in range(node.lineno, node.end_lineno + 1)
        }
        kept = [line.strip() for number, line in enumerate(text.splitlines(), 1) if number not in skipped]
        lines[file.name] = [line for line in kept if line.strip(' ()[]{},:"')]
    files = Counter(line for each in lines.values() for line in set(each))
    repeated = [line for each in lines.values() for line in each if files[line] >= 10]
    assert len(repeated) <= 0.15 * sum(map(len, lines.values()))
