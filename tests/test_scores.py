"""Tests that the table in README.md and the headers of the recipes match the recorded scores."""

import json
import runpy
import statistics
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tensorsmith.recipes import RunRequest, launch
from tensorsmith.recipes.catalog import all_recipes, find_recipe
from tensorsmith.recipes.configuration import to_yaml

ROOT = Path(__file__).parents[1]
REPRODUCED = (
    "autoencoder/fashion_mnist",
    "mlp/california",
    "mlp/digits",
    "mlp/fashion_mnist",
    "rnn/series",
    "wide_deep/california",
)
scores = SimpleNamespace(**runpy.run_path(str(ROOT / "tools/scores.py")))


def write_run(folder, seed, accuracy, **changes):
    """Writes the folder of a finished run of mlp/digits."""
    recipe = find_recipe("mlp/digits")
    folder.mkdir()
    (folder / "config.yaml").write_text(to_yaml(recipe, recipe.recipe.config_class(seed=seed, jit=True, **changes)))
    metrics = {
        "recipe": recipe.name,
        "test": {"accuracy": accuracy, "loss": 0.123456789},
        "seconds": 4.0,
        "steps_per_second": 1000.0,
        "parameters": 1,
        "seed": seed,
        "versions": {"python": "3.11"},
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


def test_readme_is_current():
    readme = scores.README.read_text()
    assert readme == scores.with_table(readme, scores.read_scores()), "call `python tools/scores.py readme`"


@pytest.mark.parametrize("recipe", all_recipes(), ids=lambda recipe: recipe.name)
def test_header_matches_recorded_scores(recipe):
    runs = scores.read_scores().get(recipe.name)
    assert runs, f"no run of {recipe.name} is recorded"
    advertised = scores.Advertised.by(recipe)
    assert advertised.number == advertised.rounded(statistics.mean(map(advertised.of, runs)))
    assert recipe.line("Seconds").split()[0] == f"{statistics.mean(run['seconds'] for run in runs):.0f}"


@pytest.mark.slow
@pytest.mark.parametrize("name", REPRODUCED)
def test_scores_are_reproduced(name, tmp_path):
    """A run reaches the recorded range, extended by its width and 2 % of the mean, because CPUs round differently."""
    command = [Path(sys.executable).with_name("tensorsmith"), "run", name, "--out", tmp_path / "run"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    advertised = scores.Advertised.by(find_recipe(name))
    recorded = [advertised.of(run) for run in scores.read_scores()[name]]
    margin = max(recorded) - min(recorded) + 0.02 * statistics.mean(recorded)
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    score = metrics[advertised.split][advertised.measure]
    assert min(recorded) - margin <= score <= max(recorded) + margin


def test_source_hash(tmp_path):
    """The hash of a recipe depends on its code, but not on its docstrings and comments."""
    text = find_recipe("mlp/digits").path.read_text()
    changed = {
        "docstring": text.replace("Recipe settings.", "Settings of the recipe."),
        "comment": text.replace("    return Trainer(", "    # A trainer.\n    return Trainer("),
        "code": text.replace("momentum=0.9", "momentum=0.8"),
        "import": text.replace("from tensorsmith.optimizers import SGD", "from tensorsmith.layers import LSTM as SGD"),
    }
    hashes = {}
    for name, content in {"original": text, **changed}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "digits.py").write_text(content)
        hashes[name] = scores.source_hash(find_recipe(str(tmp_path / name / "digits.py")))
    assert hashes["docstring"] == hashes["original"]
    assert len({hashes["original"], hashes["code"], hashes["import"]}) == 3


def test_packages_of_recipes():
    """The recipe with an LSTM depends on the kernels, which only the layers import."""
    packages = scores._packages_behind(find_recipe("rnn/series").path)
    assert packages >= {"layers", "ops", "training", "schedules", "data", "core"}
    assert "losses" not in packages


def test_stale_recipes():
    run = {"source": scores.source_hash(find_recipe("mlp/digits"))}
    assert scores.stale_recipes({"mlp/digits": [run]}) == []
    assert scores.stale_recipes({"mlp/digits": [run, {"source": "other"}]}) == ["mlp/digits"]


def test_run_replaces_run_of_same_seed(tmp_path, monkeypatch):
    record = tmp_path / "scores.json"
    record.write_text("{}")
    monkeypatch.setitem(scores.record.__globals__, "SCORES", record)
    for number, (seed, accuracy) in enumerate([(1, 0.9), (0, 0.95), (1, 0.97)]):
        scores.record([write_run(tmp_path / str(number), seed, accuracy)])
    runs = json.loads(record.read_text())["mlp/digits"]
    assert [(run["seed"], run["scores"]["test"]["accuracy"]) for run in runs] == [(0, 0.95), (1, 0.97)]
    assert runs[0]["scores"]["test"]["loss"] == 0.123457
    (row,) = (line for line in scores.tables({"mlp/digits": runs}).splitlines() if "mlp/digits" in line)
    assert row.endswith("| test accuracy 0.960 (0.950 to 0.970, 2 seeds) | 4 |")


def test_run_of_a_procedure_is_recorded(tmp_path):
    """A recipe with its own training procedure does not need a field `jit`."""
    result = launch(RunRequest("perceptron/logic_gates", out=tmp_path / "run"))
    name, run = scores.read_run(tmp_path / "run")
    assert (name, run["scores"]) == ("perceptron/logic_gates", {"test": result.metrics["test"]})


def test_runs_with_other_settings_are_refused(tmp_path, capsys):
    assert scores.main(["record", str(write_run(tmp_path / "smoke", 0, 0.9, epochs=2))]) == 2
    assert scores.main(["record", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "RUN_FOLDER must be the folder of a run with the default settings of mlp/digits" in said
    assert "RUN_FOLDER must be the folder of a finished run" in said
