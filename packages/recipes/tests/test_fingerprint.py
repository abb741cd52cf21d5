"""Tests that changes of a recipe are noticed in the numbers of its smoke run, and that rounding is not."""

import math

import pytest

from tensorsmith.recipes import RecipeFile, RunRequest, find_recipe, launch, read_results
from tensorsmith.recipes.recorded.fingerprint import (
    Metric,
    changes,
    fingerprint_of,
    record_fingerprint,
    tolerating_this_processor,
)
from tensorsmith.recipes.recorded.results import Results, write_results

RECORDED = {"loss": Metric([2.0, 1.0], 1e-3), "test accuracy": Metric([0.5], 1e-3)}


@pytest.mark.parametrize(
    ("current", "changed"),
    [
        ({"loss": [2.0, 1.0], "test accuracy": [0.5]}, []),
        ({"loss": [2.0019, 0.9981], "test accuracy": [0.5], "seconds": [3.0]}, []),
        ({"loss": [2.0, 1.003], "test accuracy": [0.5]}, ["loss"]),
        ({"loss": [2.0], "test accuracy": [0.5]}, ["loss"]),
        ({"loss": [2.0, math.nan], "test accuracy": [0.5]}, ["loss"]),
        ({"loss": [2.0, 1.0]}, ["test accuracy"]),
    ],
)
def test_changes(current, changed):
    """Differences are relative to the largest value of a metric."""
    assert [line.partition(":")[0] for line in changes(RECORDED, current)] == changed


def test_fingerprint_of_a_run(tmp_path):
    launch(RunRequest("mlp/digits", ["--epochs", "22", "--units", "4"], out=tmp_path / "run"))
    fingerprint = fingerprint_of(tmp_path / "run")
    assert fingerprint.keys() >= {"loss", "val_accuracy", "validation loss", "test accuracy"}
    assert {len(fingerprint["loss"]), len(fingerprint["test accuracy"])} == {20, 1}


def test_results_are_stored(tmp_path):
    recipe = RecipeFile("mlp/digits", tmp_path / "digits.py")
    assert read_results(recipe) == Results()
    results = Results(read_results(find_recipe("mlp/digits")).runs, RECORDED)
    write_results(recipe, results)
    assert read_results(recipe) == results


@pytest.fixture(scope="module")
def recorded():
    """Fingerprint of mlp/digits, from four runs in other processes."""
    return record_fingerprint(find_recipe("mlp/digits"))


@pytest.mark.slow  # the fixture takes half a minute
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("default=0.1)", "default=0.101)"),
        ('kernel_initializer="he_normal"', 'kernel_initializer="he_uniform"'),
        ("momentum=0.9", "momentum=0.89"),
    ],
    ids=["same", "learning rate", "initializer", "momentum"],
)
def test_changes_of_a_recipe_are_noticed(old, new, recorded, tmp_path):
    assert recorded.keys() >= {"loss", "val_loss", "test loss", "test accuracy"}
    assert all(metric.tolerance < 3e-3 for metric in recorded.values())
    source = find_recipe("mlp/digits").path.read_text()
    assert old in source
    (tmp_path / "mine.py").write_text(source.replace(old, new) if old else source)
    launch(RunRequest(str(tmp_path / "mine.py"), smoke=True, out=tmp_path / "run"))
    assert bool(changes(recorded, fingerprint_of(tmp_path / "run"))) == bool(old)


def test_differences_of_another_processor_are_tolerated(monkeypatch):
    """Twice the difference is tolerated, but metrics that differ by more than 5 % are left out."""
    current = {"loss": [1.0, 2.02], "accuracy": [0.5], "map": [0.3]}
    monkeypatch.setattr("tensorsmith.recipes.recorded.fingerprint._smoke_runs", lambda recipe, folder: iter([current]))
    values = {"loss": [1.0, 2.0], "accuracy": [0.5], "map": [0.4]}
    recorded = {name: Metric(value, 0.001) for name, value in values.items()}
    found = tolerating_this_processor(find_recipe("mlp/digits"), recorded)
    assert {name: metric.tolerance for name, metric in found.items()} == pytest.approx(
        {"loss": 0.02, "accuracy": 0.001}
    )
    assert all(metric.values == values[name] for name, metric in found.items())
    assert not changes(found, current)
