"""Tests of the recorded scores of the recipes: README files, recording, and reproduction."""

import json
import runpy
import statistics
from pathlib import Path
from types import SimpleNamespace

import pytest

from tensorsmith.recipes import Reproduction, RunRequest, launch, read_results
from tensorsmith.recipes.catalog import RecipeFile, all_recipes, find_recipe
from tensorsmith.recipes.configuration import to_yaml
from tensorsmith.tools.main import main

ROOT = Path(__file__).parents[1]
REPRODUCED = (
    "mlp/california",
    "mlp/digits",
    "timeseries/one_step",
    "wide_deep/california",
)
scores = SimpleNamespace(**runpy.run_path(str(ROOT / "tools/scores.py")))


def write_run(folder, seed, accuracy, recipe="mlp/digits", **changes):
    """Writes the folder of a finished run of mlp/digits, or of a copy of it."""
    file = find_recipe(str(recipe))
    folder.mkdir()
    (folder / "config.yaml").write_text(to_yaml(file, file.declaration.config_class(seed=seed, jit=True, **changes)))
    metrics = {
        "recipe": file.name,
        "test": {"accuracy": accuracy, "loss": 0.123456789},
        "seconds": 4.0,
        "steps_per_second": 1000.0,
        "parameters": 1,
        "seed": seed,
        "versions": {"python": "3.11"},
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


@pytest.mark.parametrize("path", scores.readmes(), ids=lambda path: str(path.relative_to(ROOT)))
def test_readme_is_current(path):
    assert path.read_text() == scores.with_table(path), "call `python tools/scores.py readme`"


@pytest.mark.parametrize("recipe", all_recipes(), ids=lambda recipe: recipe.name)
def test_scores_are_recorded(recipe):
    runs = read_results(recipe).runs
    split, metric = recipe.objective
    assert runs
    assert [run.seed for run in runs] == list(range(len(runs)))
    values = [run.scores[split][metric] for run in runs]
    mean = statistics.mean(values)
    assert min(values) >= 0  # an error rate may be 0
    assert mean > 0
    shown = float(read_results(recipe).score(recipe).split()[2])
    assert shown == pytest.approx(mean, rel=0.006)  # three digits


@pytest.mark.slow
def test_scores_are_reproduced():
    assert main(["reproduce", *REPRODUCED]) == 0


@pytest.fixture
def copy(tmp_path):
    """Path of a copy of mlp/digits, next to which results are recorded."""
    path = tmp_path / "digits.py"
    path.write_text(find_recipe("mlp/digits").path.read_text())
    return path


def test_run_replaces_run_of_same_seed(copy, tmp_path, monkeypatch):
    monkeypatch.setitem(scores.record.__globals__, "record_fingerprint", lambda recipe: {})  # takes half a minute
    for number, (seed, accuracy) in enumerate([(1, 0.9), (0, 0.95), (1, 0.97)]):
        scores.record([write_run(tmp_path / str(number), seed, accuracy, copy)])
    recipe = RecipeFile("mlp/digits", copy)
    results = read_results(recipe)
    assert [(run.seed, run.scores["test"]["accuracy"]) for run in results.runs] == [(0, 0.95), (1, 0.97)]
    assert results.runs[0].scores["test"]["loss"] == 0.123457
    assert results.score(recipe) == "test accuracy 0.960 (0.950 to 0.970, 2 seeds)"
    assert results.seconds == 4.0


def test_times_of_a_busy_machine_are_not_recorded(copy, tmp_path, monkeypatch):
    monkeypatch.setitem(scores.record.__globals__, "record_fingerprint", lambda recipe: {})
    for number, (seed, seconds) in enumerate([(0, 4.0), (0, 9.0), (1, 8.0)]):
        folder = write_run(tmp_path / str(number), seed, 0.9 + number / 100, copy)
        metrics = json.loads((folder / "metrics.json").read_text())
        (folder / "metrics.json").write_text(json.dumps({**metrics, "seconds": seconds}))
        assert scores.main(["record", str(folder), *(["--busy"] if number else [])]) == 0
    runs = read_results(RecipeFile("mlp/digits", copy)).runs
    assert [(run.scores["test"]["accuracy"], run.seconds) for run in runs] == [(0.91, 4.0), (0.92, 8.0)]


def test_figure_of_a_run_is_stored(copy, tmp_path, monkeypatch):
    monkeypatch.setitem(scores.record.__globals__, "record_fingerprint", lambda recipe: {})
    copy.write_text(copy.read_text().replace("\nCommand:", "\nFigure: plots/last.png\nCommand:", 1))
    folder = write_run(tmp_path / "run", 0, 0.9, copy)
    scores.record([folder])
    assert not (tmp_path / "results/digits.png").exists()
    (folder / "plots").mkdir()
    (folder / "plots/last.png").write_bytes(b"image")
    scores.record([folder])
    assert (tmp_path / "results/digits.png").read_bytes() == b"image"


def test_run_of_a_procedure_is_recorded(tmp_path):
    """A recipe with its own training procedure does not need a field `jit`."""
    result = launch(RunRequest("perceptron/logic_gates", out=tmp_path / "run"))
    recipe, run = scores.read_run(tmp_path / "run")
    assert (recipe.name, run.scores) == ("perceptron/logic_gates", {"test": result.metrics["test"]})


def test_runs_with_other_settings_are_refused(tmp_path, capsys):
    assert scores.main(["record", str(write_run(tmp_path / "smoke", 0, 0.9, epochs=2))]) == 2
    assert scores.main(["record", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "RUN_FOLDER must be the folder of a run with the default settings of mlp/digits" in said
    assert "RUN_FOLDER must be the folder of a finished run" in said


@pytest.mark.slow  # takes seconds
def test_reproduction(copy, tmp_path, monkeypatch, capsys):
    """The score of a run is compared with the recorded range."""
    monkeypatch.chdir(tmp_path)
    copy.write_text(find_recipe("perceptron/logic_gates").path.read_text())
    run = {"seed": 0, "scores": {"test": {"accuracy": 1.0}}, "seconds": 1.0, "steps_per_second": None}
    (tmp_path / "results").mkdir()
    results = {"runs": [{**run, "versions": {}}]}
    (tmp_path / "results" / "digits.json").write_text(json.dumps(results))
    assert main(["reproduce", "digits.py"]) == 0
    shown = capsys.readouterr().out
    assert "reproduced" in shown
    assert "0.980 to 1.02" in shown


@pytest.mark.parametrize(
    ("value", "error", "code", "said"),
    [
        (0.98, "", 0, "reproduced"),
        (0.97, "", 1, "outside of"),
        (1.03, "", 1, "outside of"),
        (None, "MemoryError", 1, "MemoryError"),
    ],
)
def test_table_of_reproductions(monkeypatch, capsys, value, error, code, said):
    result = Reproduction("mlp/digits", "test accuracy", 0.98, 1.02, value, error)
    monkeypatch.setattr("tensorsmith.tools.commands.reproduce.reproduce", lambda recipes, parallel: iter([result]))
    assert main(["reproduce", "mlp/digits"]) == code
    assert said in capsys.readouterr().out
