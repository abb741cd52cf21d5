"""Every recipe runs through the command line and leaves a whole run folder."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tensorsmith.core import load_tensorflow, register
from tensorsmith.recipes.catalog import all_recipes, find_recipe

load_tensorflow()
import keras  # noqa: E402

FAST = {"mlp/fashion_mnist"}
LEFT_BEHIND = {"config.yaml", "metrics.json", "history.csv", "curves.png", "model.keras", "checkpoints", "tensorboard"}


def run(name, folder, *flags):
    """Trains in a process of its own and returns what metrics.json says."""
    command = [Path(sys.executable).with_name("tensorsmith"), "run", name, "--out", folder, *flags]
    result = subprocess.run(command, capture_output=True, text=True, cwd=folder.parent)
    assert result.returncode == 0, result.stderr
    return json.loads((folder / "metrics.json").read_text())


@pytest.mark.parametrize(
    "name",
    [pytest.param(each.name, marks=[] if each.name in FAST else pytest.mark.slow) for each in all_recipes()],
)
def test_smoke(name, tmp_path):
    metrics = run(name, tmp_path / "run", "--smoke")
    assert {path.name for path in (tmp_path / "run").iterdir()} >= LEFT_BEHIND
    assert metrics["recipe"] == name
    assert metrics.keys() >= {"seconds", "steps_per_second", "seed", "versions"}
    split, measure, _ = find_recipe(name).line("Score").split()
    assert metrics[split][measure] > 0
    register()
    assert keras.models.load_model(tmp_path / "run" / "model.keras", compile=False).count_params() > 0


@pytest.mark.slow
def test_digits_reaches_its_score(tmp_path):
    metrics = run("mlp/digits", tmp_path / "run")
    assert metrics["test"]["accuracy"] >= 0.96
