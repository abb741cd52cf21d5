"""Tests that each recipe runs and writes a complete run folder, and that a copy repeats the run."""

import functools
import json
import subprocess
import sys

import numpy as np
import pytest

from tensorsmith.core import SupervisedRecipe, load_tensorflow, register
from tensorsmith.data.datasets import _load
from tensorsmith.recipes import RunRequest, launch, running
from tensorsmith.recipes.catalog import all_recipes, find_recipe
from tensorsmith.recipes.procedure import METADATA
from tensorsmith.tools.main import main
from tensorsmith.tools.search_folder import space_of

load_tensorflow()
import keras  # noqa: E402

FAST = {"mlp/fashion_mnist"}
BUSY = """
import time
while True:
    end = time.time() + 0.3
    while time.time() < end:
        pass
    time.sleep(0.1)
"""
LEFT_BEHIND = {"config.yaml", "metrics.json", "history.csv", "curves.png", "checkpoints"}
LEFT_BEHIND_BY_FIT = {"model.keras", "tensorboard"}


@pytest.fixture(scope="module", autouse=True)
def data_in_memory():
    """Reads each split of a data set once, because most recipes use the same one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_load, "load_split", functools.cache(_load.load_split))
        yield


@pytest.mark.parametrize(
    "name",
    [pytest.param(each.name, marks=[] if each.name in FAST else pytest.mark.slow) for each in all_recipes()],
)
def test_smoke(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    register()
    launch(RunRequest(name, smoke=True, out=tmp_path / "run"))
    copy, settings = tmp_path / "mine.py", tmp_path / "settings.yaml"
    assert main(["copy", name, str(copy)]) == 0
    stored = (tmp_path / "run" / "config.yaml").read_text()
    settings.write_text("".join(line for line in stored.splitlines(keepends=True) if "recipe:" not in line))
    monkeypatch.setattr(running, "plot_curves", lambda *_: None)  # takes a second, and the first run has plotted
    launch(RunRequest(str(copy), config=settings, out=tmp_path / "again"))
    assert result_of(tmp_path / "run") == result_of(tmp_path / "again")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert {path.name for path in (tmp_path / "run").iterdir()} >= LEFT_BEHIND
    assert metrics["recipe"] == name
    assert metrics.keys() >= {"seconds", "steps_per_second", "seed", "versions"}
    split, measure, _ = find_recipe(name).line("Score").split()
    assert metrics[split][measure] > 0
    if not isinstance(find_recipe(name).recipe, SupervisedRecipe):
        return
    assert {path.name for path in (tmp_path / "run").iterdir()} >= LEFT_BEHIND_BY_FIT
    assert keras.models.load_model(tmp_path / "run" / "model.keras", compile=False, safe_mode=False).count_params() > 0


def result_of(folder):
    """Returns the history of a run and its weights, or the checkpoint of a recipe with its own procedure."""
    model, procedure = folder / "model.keras", folder / "checkpoints" / "last.npz"
    if procedure.exists():
        with np.load(procedure) as arrays:
            weights = [array for name, array in arrays.items() if name != METADATA]
    else:
        weights = keras.models.load_model(model, compile=False, safe_mode=False).get_weights()  # HubLayer requires it
    return (folder / "history.csv").read_text(), [weight.tobytes() for weight in weights]


@pytest.fixture
def occupy_machine():
    """Function that starts processes, which occupy all cores and by turns leave some time to others."""
    processes = []
    yield lambda: processes.extend(subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(2))
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "epochs", "jit"), [("mlp/digits", 5, "true"), ("rnn/series", 2, "false")])
def test_equal_results_on_busy_machine(name, epochs, jit, tmp_path, occupy_machine):
    results = []
    for run in ("before", "busy"):
        if run == "busy":
            occupy_machine()
        launch(RunRequest(name, ["--epochs", str(epochs)], smoke=True, out=tmp_path / run))
        weights = keras.models.load_model(tmp_path / run / "model.keras", compile=False).get_weights()
        history = (tmp_path / run / "history.csv").read_text()
        config = (tmp_path / run / "config.yaml").read_text()
        results.append((history, config, [array.tobytes() for array in weights]))
    assert results[0] == results[1]
    assert f"jit: {jit} " in config  # XLA is used from 200 steps on, but not with compiled kernels


@pytest.mark.parametrize("name", [recipe.name for recipe in all_recipes()])
def test_search_ranges(name):
    """Tests that each supervised recipe declares search ranges, whose values its configuration accepts."""
    recipe = find_recipe(name)
    if isinstance(recipe.recipe, SupervisedRecipe):
        assert space_of(recipe, None)
