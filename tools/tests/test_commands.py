"""Tests of the subcommands that do not train: output, error messages and imports."""

import json
import subprocess
import sys

import pytest
import tensorflow as tf
import yaml

from tensorsmith.recipes.catalog import all_recipes, find_recipe
from tensorsmith.recipes.configuration import resolve, to_yaml
from tensorsmith.tools import main

MISTAKES = """
recipe: mlp/digits
epohcs: 3
batch_size: many
learning_rate: -1
units: [3, x]
seed: 1
"""


def test_recipes_as_json(command):
    rows = json.loads(command("recipes", "--json").stdout)
    assert {row["name"] for row in rows} == {recipe.name for recipe in all_recipes()}
    keys = {"name", "family", "kind", "shows", "score", "seconds", "search_ranges"}
    assert all(row.keys() == keys for row in rows)
    kinds = {row["name"]: row["kind"] for row in rows}
    assert (kinds["mlp/digits"], kinds["deep/schedules"]) == ("starting point", "experiment")
    assert all(row["score"] and row["shows"] for row in rows)


def test_recipes_as_a_table(command):
    printed = command("recipes").stdout
    assert all(recipe.name in printed for recipe in all_recipes())


def test_copy_offers_starting_points(command):
    result = command("copy")
    assert result.returncode == 2
    names = [line.partition(":")[0] for line in result.stdout.splitlines()[:-1]]
    assert names == [recipe.name for recipe in all_recipes() if recipe.is_starting_point]
    for name in names:
        lines = find_recipe(name).path.read_text().splitlines()
        assert len(lines) <= 100
        assert not any(line.startswith("VARIANTS") for line in lines)


def test_show_prints_valid_config(command):
    printed = command("show", "mlp/digits").stdout
    header, _, config = printed.partition("recipe: ")
    assert "Handwritten digits" in header
    values = yaml.safe_load("recipe: " + config)
    recipe = find_recipe("mlp/digits")
    assert resolve(recipe, values) == recipe.declaration.config_class()


def test_show_prints_the_budget_of_the_model(capsys):
    """The number of parameters is that which Keras counts."""
    assert main.main(["show", "mlp/digits", "--budget"]) == 0
    model = find_recipe("mlp/digits").recipe.build_trainer(find_recipe("mlp/digits").recipe.config_class()).model
    assert f"{model.count_params():,} parameters" in capsys.readouterr().out
    assert main.main(["show", "deep/distillation", "--budget"]) == 2
    error = capsys.readouterr().err
    assert "--budget must be used with a recipe that builds its model without a preparation, got --budget with" in error
    assert "Run the recipe, and pass its model.keras to `tensorsmith.models.model_budget`." in error
    assert main.main(["show", "perceptron/iris", "--budget"]) == 2
    assert "--budget must be used with a recipe that defines build_trainer" in capsys.readouterr().err


@pytest.mark.slow  # traces a detector
def test_show_prints_the_budget_for_images_of_unknown_size(capsys):
    """The images for training have 64 x 64 pixels, and the grid has cells of 8 x 8."""
    assert main.main(["show", "detection/composed", "--budget"]) == 0
    printed = capsys.readouterr().out
    assert "For an example of shape (64, 64, 1), as in the smoke run:" in printed
    (predictions,) = (line for line in printed.splitlines() if line.startswith("predictions"))
    assert "8 x 8 x 25" in predictions
    recipe = find_recipe("detection/composed").recipe
    assert f"{recipe.build_trainer(recipe.config_class()).model.count_params():,} parameters" in printed


def test_compare_without_variants(command, tmp_path):
    result = command("compare", "mlp/digits", cwd=tmp_path)
    assert result.returncode == 2
    assert "NAME must be a recipe with variants, got 'mlp/digits'. Define VARIANTS in the recipe" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_answers_without_tensorflow():
    code = """
import sys
from tensorsmith.tools.main import main
for arguments in (["--help"], ["recipes"], ["show", "mlp/digits"], ["run", "mlp/digits", "--help"]):
    try:
        main(arguments)
    except SystemExit:
        pass
    print("tensorflow" in sys.modules, "keras" in sys.modules, file=sys.stderr)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stderr.splitlines() == ["False False"] * 4


def test_validate_reports_all_errors(tensorsmith, tmp_path):
    """Runs in a new process, to test the exit code as well."""
    (tmp_path / "bad.yaml").write_text(MISTAKES)
    result = tensorsmith("validate", tmp_path / "bad.yaml")
    assert result.returncode == 2
    for part in ("epohcs must", "Did you mean epochs?", "batch_size must", "learning_rate must", "units must"):
        assert part in result.stderr
    assert "seed" not in result.stderr


@pytest.mark.parametrize(
    ("text", "message", "code"),
    [
        ("epochs: 3", "bad.yaml, which names none. Pass it with `tensorsmith validate", 2),
        ("recipe: mlp/digit", "Did you mean mlp/digits?", 2),
        (
            "recipe: mlp/digits\ncallbacks: [keras.callbacks.Nope]",
            "callbacks must be the import path of a Keras callback",
            2,
        ),
        ("[1, 2", "config must be a valid YAML file", 1),
        ("just words", "config must be a mapping of fields to values", 2),
    ],
)
def test_validate_invalid_files(command, tmp_path, text, message, code):
    (tmp_path / "bad.yaml").write_text(text)
    result = command("validate", tmp_path / "bad.yaml")
    assert result.returncode == code
    assert message in result.stderr


def test_validate_a_file_without_recipe(command, tmp_path):
    """Tests a file that `run NAME --config` accepts."""
    (tmp_path / "good.yaml").write_text("epochs: 3\nunits: 8\nsave_best: val_loss\n")
    assert "recipe must be" in command("validate", tmp_path / "good.yaml").stderr
    result = command("validate", tmp_path / "good.yaml", "--recipe", "mlp/digits")
    assert (result.returncode, result.stderr) == (0, "")


def test_validate_a_good_file(command, tmp_path):
    recipe = find_recipe("mlp/digits")
    (tmp_path / "good.yaml").write_text(to_yaml(recipe, recipe.declaration.config_class()) + "early_stopping: 3\n")
    assert command("validate", tmp_path / "good.yaml").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "mlp/digit"], "Did you mean mlp/digits?"),
        (["run", "mlp/digits", "--epohcs", "3"], "Did you mean epochs?"),
        (["run", "mlp/digits", "--epochs", "0"], "epochs must be an integer > 0, got 0."),
        (["run", "mlp/digits", "--epochs", "1", "2"], "epochs must be an integer > 0, got [1, 2]."),
        (["run", "mlp/digits", "--epochs="], "epochs must be an integer > 0, got None."),
        (["run", "mlp/digits", "--units", "8,x"], "a list of values that are each an integer > 0, got [8, 'x']."),
        (["run", "mlp/digits", "--resum"], "Did you mean --resume?"),
        (["tune", "mlp/california", "--triels", "3"], "Did you mean --trials?"),
        (["compare", "deep/schedules", "--paralel=2"], "Did you mean --parallel?"),
        (["tfrecord", "verfy", "x"], "Did you mean verify?"),
        (["bench", "opz"], "Did you mean ops?"),
        (["tfrecord", "cat", "x", "--jsno"], "Did you mean --json?"),
        (["run", "mlp/digits", "--epochs"], "--epochs must be followed by a value"),
        (["show", "nothing"], "Run `tensorsmith recipes` to list the recipes"),
        (["shwo"], "Did you mean show?"),
        (["recipes", "--jsn"], "unrecognized arguments: --jsn. Did you mean --json?"),
        (["run", "nowhere.py"], "recipe must be an existing file"),
        (["run", "mlp/digits", "--units", "[1,"], "--units must be a YAML value"),
        (["run", "mlp/digits", "--jit", "maybe"], "jit must be true or false, or one of auto, measure, got 'maybe'."),
        (["bench", "loop", "--cases", "mlp_23"], "Did you mean mlp_32?"),
        (["bench", "loop", "--rounds", "1"], "--rounds must be >= 2"),
    ],
)
def test_usage_errors(command, arguments, message):
    result = command(*arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_validate_does_not_execute_recipes_of_run_folders(command, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "evil.py").write_text("open('executed', 'w')\n\nclass Config: ...\n\ndef train(config, run): ...\n")
    for folder, recipe in ((tmp_path, "run/evil.py"), (run, "evil.py")):
        (run / "config.yaml").write_text(f"recipe: {recipe}\n")
        result = command("validate", run / "config.yaml", cwd=folder)
        assert result.returncode == 2
        assert "--trust" in result.stderr
        assert not (folder / "executed").exists()
    (run / "config.yaml").write_text("recipe: transfer/hub_local\nmodule: payload\n")
    assert "--trust" in command("validate", run / "config.yaml", cwd=tmp_path).stderr


def test_errors_of_files_that_tensorflow_writes(monkeypatch, capsys):
    def execute(arguments):
        raise tf.errors.FailedPreconditionError(None, None, "logs/train: Not a directory")

    monkeypatch.setattr(main.COMMANDS["show"], "execute", execute)
    assert main.main(["show", "mlp/digits"]) == 1
    assert capsys.readouterr().err == "tensorsmith: logs/train: Not a directory\n"
