"""Tests that each recipe runs and writes a complete run folder, and that one does so through the command line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tensorsmith.core import load_tensorflow, register
from tensorsmith.recipes import RunRequest, launch
from tensorsmith.recipes.catalog import all_recipes, find_recipe

load_tensorflow()
import keras  # noqa: E402

FAST = {"mlp/fashion_mnist"}
LEFT_BEHIND = {"config.yaml", "metrics.json", "history.csv", "curves.png", "model.keras", "checkpoints", "tensorboard"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(each.name, marks=[] if each.name in FAST else pytest.mark.slow) for each in all_recipes()],
)
def test_smoke(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    launch(RunRequest(name, smoke=True, out=tmp_path / "run"))
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert {path.name for path in (tmp_path / "run").iterdir()} >= LEFT_BEHIND
    assert metrics["recipe"] == name
    assert metrics.keys() >= {"seconds", "steps_per_second", "seed", "versions"}
    split, measure, _ = find_recipe(name).line("Score").split()
    assert metrics[split][measure] > 0
    register()
    assert keras.models.load_model(tmp_path / "run" / "model.keras", compile=False).count_params() > 0


@pytest.mark.slow
def test_digits_accuracy(tmp_path):
    command = [Path(sys.executable).with_name("tensorsmith"), "run", "mlp/digits", "--out", tmp_path / "run"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert {path.name for path in (tmp_path / "run").iterdir()} >= LEFT_BEHIND
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["test"]["accuracy"] >= 0.96
