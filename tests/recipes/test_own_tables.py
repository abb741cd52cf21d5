"""Tests that a table of the user, as a spreadsheet exports it, trains a recipe, and that new rows are predicted."""

import re
from pathlib import Path

import numpy as np
import pytest

from tensorsmith.recipes import RunRequest, launch
from tensorsmith.recipes.catalog import all_recipes
from tensorsmith.recipes.trained_run import TrainedRun
from tensorsmith.testing import raises_argument_error

README = Path(__file__).parents[2] / "packages" / "recipes" / "README.md"
ROWS = [
    f'"{1000 + 37 * number:,}.50",2024-01-{number % 28 + 1:02},{"yes" if number % 2 else "no"}' for number in range(80)
]


def write(path, header, rows):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.mark.parametrize(
    ("recipe", "targets", "flags"),
    [("mlp/adult", ["member", "guest"], ["--train_size", "40"]), ("mlp/california", ["1.5", "2.5"], [])],
)
def test_train_and_predict(recipe, targets, flags, tmp_path):
    rows = [f"{row},{targets[number % 2]}" for number, row in enumerate(ROWS)]
    table = write(tmp_path / "people.csv", "income,since,active,target", rows)
    launch(RunRequest(recipe, flags=["--data", str(table), *flags], smoke=True, out=tmp_path / "run"))
    run = TrainedRun(tmp_path / "run")
    # Alone, the first number could have a decimal comma.
    new = write(tmp_path / "new.csv", "income,since,active", ['"1,037",2024-01-02,yes', '"1,037.00",2024-01-02,yes'])
    found = run.predict_in_detail(new)
    outputs = np.asarray(found.outputs)
    assert np.isfinite(outputs).all()
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert found.classes == (("guest", "member") if recipe == "mlp/adult" else ())
    new = write(tmp_path / "new.csv", "income,since,active", ['"1,037",2024-01-02,yes', '"1,037",2024-01-02,perhaps'])
    with raises_argument_error("input", received="'perhaps' in column active, row 2 (line 3)", expected="yes or no"):
        run.predict(new)


def test_readme_names_the_recipes_with_own_data():
    section = README.read_text().partition("## Your own data")[2].partition("```")[0]
    named = set(re.findall(r"`(\w+/\w+)`", section))
    recipes = {recipe.name for recipe in all_recipes() if hasattr(recipe.declaration.config_class(), "data")}
    # Settings of experiments that have the name `data`, but choose between the data sets of a comparison.
    assert named == recipes - {"custom/training_loop", "deep/twenty_layers"}
