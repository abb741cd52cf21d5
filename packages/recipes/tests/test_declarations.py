"""Tests that the configuration of a recipe is the same with and without the import of its file."""

import dataclasses
import subprocess
import sys
from typing import get_type_hints

import pytest

from tensorsmith.recipes import RecipeFile, TrainingSettings, find_recipe, resolve, to_yaml

HEAD = '''"""Recipe."""

from dataclasses import dataclass

import keras
from jsonargparse.typing import PositiveInt

from tensorsmith.recipes import TrainingSettings
from tensorsmith.training import Trainer

'''
CONFIG = """
@dataclass(frozen=True)
class Config(TrainingSettings):
    units: PositiveInt = 3  # units of the layer
    epochs: PositiveInt = 7
"""
FUNCTIONS = """
def build_data(config: Config) -> dict:
    return {}


def build_trainer(config: Config) -> Trainer:
    return Trainer(keras.Sequential())
"""
DECORATOR = """
VARIANTS = {}


def variant(function):
    VARIANTS[function.__name__] = {}
    return function
"""
COMMANDS = """
import sys
from tensorsmith.tools.main import main
code = main({arguments})
assert not {{"keras", "tensorflow"}} & sys.modules.keys()
sys.exit(code)
"""


@pytest.fixture
def write(tmp_path):
    """Function that writes a recipe, and returns its file."""

    def write_recipe(before="", after="", head=HEAD, config=CONFIG):
        path = tmp_path / "mine.py"
        path.write_text(head + before + config + after + FUNCTIONS)
        return find_recipe(str(path))

    return write_recipe


def is_partial(file):
    """Return `True` if the declaration was read without the import of the whole file."""
    module = sys.modules[file.declaration.config_class.__module__]
    return not hasattr(module, "build_trainer")


def test_declaration(write):
    file = write(after="SMOKE = {'epochs': 1}\nVARIANTS = {name: {'units': len(name)} for name in ('a', 'bc')}\n")
    assert is_partial(file)
    assert file.supervised
    assert file.declaration.smoke == {"epochs": 1}
    assert file.declaration.variants == {"a": {"units": 1}, "bc": {"units": 2}}
    assert file.comments == {
        "units": "units of the layer",
        "epochs": "passes over the training set",
        "batch_size": "examples per step",
        "jit": "XLA for the training loop: true, false, auto or measure",
        "seed": "random seed",
    }
    assert resolve(file, {"units": 5}).units == 5
    with pytest.raises(ValueError, match="units must be an integer > 0, got -5"):
        resolve(file, {"units": -5})


def test_each_import_has_its_own_class(write):
    file = write()
    config = file.declaration.config_class(units=5, seed=3)
    trained = file.recipe.configure(config)
    assert type(trained) is file.recipe.config_class is not type(config)
    assert dataclasses.asdict(trained) == dataclasses.asdict(config)


def test_postponed_annotations(write):
    file = write(head='"""Recipe."""\n\nfrom __future__ import annotations\n' + HEAD.partition('"""\n')[2])
    assert is_partial(file)
    assert get_type_hints(file.declaration.config_class)["units"].__name__ == "PositiveInt"
    assert type(resolve(file, {"units": 4}).units) is int


def test_definitions_that_the_configuration_uses(write):
    before = """
import math

from typing import Literal

Kind = Literal["relu", "elu"]


def default() -> int:
    return math.ceil(_SIZE / 2)


_SIZE = 5
"""
    config = CONFIG + "    kind: Kind = 'elu'  # activation\n    width: int = default()  # width\n"
    file = write(before, config=config)
    assert is_partial(file)
    assert file.declaration.config_class() == file.declaration.config_class(width=3, kind="elu")


def test_methods_of_the_configuration(write):
    before = "\nfrom tensorsmith.core import check\n\n\n"
    method = "\n    def __post_init__(self) -> None:\n        check(self.units < 9, 'units', self.units, '< 9')\n"
    file = write(before, config=CONFIG + method)
    assert is_partial(file)
    with pytest.raises(ValueError, match="units must be < 9, got 10"):
        resolve(file, {"units": 10})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "OPTIMIZERS = {'adam': keras.optimizers.Adam}\n"),
        ("", "VARIANTS = {}\nfor size in (1, 2):\n    VARIANTS[str(size)] = {'units': size}\n"),
        ("", "VARIANTS = {}\nVARIANTS.update(a={'units': 1})\n"),
        ("", "VARIANTS = {}\nadded = VARIANTS.setdefault('a', {'units': 1})\n"),
        (DECORATOR, "@variant\ndef a(): ...\n"),
        ("from tensorsmith.schedules import *\n", "SMOKE = {'epochs': len(CosineDecay.__name__) - 10}\n"),
        ("if keras.__version__:\n    SMOKE = {'epochs': 1}\n", ""),
        ("", "SMOKE = {'epochs': WRITTEN_LATER}\n"),
    ],
    ids=["keras", "loop", "statement", "call", "decorator", "star", "condition", "error"],
)  # fmt: skip
def test_whole_file_is_imported_where_it_may_differ(write, before, after):
    if "WRITTEN_LATER" in after:
        with pytest.raises(NameError, match="WRITTEN_LATER"):
            write(before, after).declaration  # noqa: B018
        return
    file = write(before, after)
    assert not is_partial(file)
    assert file.declaration == file.recipe


def test_changed_default_needs_an_annotation(write):
    config = CONFIG.replace("epochs: PositiveInt = 7", "epochs = 7")
    with pytest.raises(TypeError, match="The field epochs of Config must have a type annotation"):
        write(config=config).declaration  # noqa: B018


def test_files_of_the_configuration(write):
    """A run of the file of a user stores all settings, the own ones first."""
    lines = to_yaml(file := write(), file.declaration.config_class()).splitlines()
    names = [line.partition(":")[0] for line in lines]
    assert names == ["recipe", "units", "epochs", "batch_size", "jit", "seed"]
    assert lines[2] == "epochs: 7  # passes over the training set"


def test_settings_in_another_class():
    @dataclasses.dataclass(frozen=True)
    class Longer(TrainingSettings):
        epochs: int = 100  # many passes

    @dataclasses.dataclass(frozen=True)
    class Config(Longer):
        units: int = 1  # units

    file = RecipeFile("mine", None)
    file.__dict__["declaration"] = dataclasses.replace(find_recipe("mlp/digits").declaration, config_class=Config)
    assert list(file.comments) == ["units", "epochs", "batch_size", "jit", "seed"]
    assert file.comments["epochs"] == "many passes"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["recipes"], 0),
        (["show", "deep/schedules"], 0),
        (["run", "deep/schedules", "--help"], 0),
        (["run", "deep/schedules", "--epoch", "3"], 2),
        (["run", "mine.py", "--units", "-3"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_commands_that_do_not_import_keras(write, arguments, code):
    folder = write().path.parent
    result = subprocess.run(
        [sys.executable, "-c", COMMANDS.format(arguments=arguments)], cwd=folder, capture_output=True, text=True
    )
    assert result.returncode == code, result.stderr
