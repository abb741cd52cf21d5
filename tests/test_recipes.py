"""Tests that each recipe runs and writes a complete run folder, and that a copy repeats the run."""

import dataclasses
import functools
import gc
import subprocess
import sys
import time

import numpy as np
import pytest

from tensorsmith.core import load_tensorflow, register
from tensorsmith.data.datasets import _load
from tensorsmith.recipes import RunRequest, catalog, launch, read_results
from tensorsmith.recipes.catalog import all_recipes, find_recipe
from tensorsmith.recipes.procedure import METADATA
from tensorsmith.recipes.recorded.fingerprint import changes, fingerprint_of
from tensorsmith.runs import SupervisedRecipe, recipe_of
from tensorsmith.tools.main import main
from tensorsmith.tools.search_folder import space_of

load_tensorflow()
import keras  # noqa: E402

from tensorsmith.data.preprocessing import FeatureSpec  # noqa: E402
from tensorsmith.layers import Standardization  # noqa: E402
from tensorsmith.training import LRFinder, Trainer  # noqa: E402

pytestmark = pytest.mark.usefixtures("empty_figures")
FORMS = ("mlp/digits", "deep/distillation", "perceptron/iris")  # supervised, with a preparation, and a procedure
LONG = {  # recipes whose smoke run takes more than six seconds of CPU
    "autoencoder/anomaly",
    "cnn/architectures",
    "cnn/video",
    "detection/composed",
    "detection/one_item",
    "detection/trees",
    "diffusion/fashion_mnist",
    "gan/classifier",
    "gan/progressive",
    "gan/style",
    "nmt/verses",
    "segmentation/compared",
    "text/ulmfit",
    "transfer/hub_local",
    "transfer/photos",
    "transfer/photos_compared",
    "transformer/bert",
    "transformer/captions",
    "transformer/fine_tuning",
    "transformer/gpt",
    "wide_deep/adult",
}
BUSY = """
import time
while True:
    end = time.time() + 0.3
    while time.time() < end:
        pass
    time.sleep(0.1)
"""
# Files of a run folder.
WRITTEN = {"config.yaml", "metrics.json", "history.csv", "curves.png", "checkpoints"}
WRITTEN_BY_FIT = {"model.keras", "tensorboard"}


@pytest.fixture(scope="module", autouse=True)
def data_in_memory():
    """Reads each split of a data set once, because most recipes use the same one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_load, "load_split", functools.cache(_load.load_split))
        yield


TRAINING = (
    (keras.Model, "fit"),
    (Trainer, "fit"),
    (LRFinder, "__call__"),
    (FeatureSpec, "adapt"),
    (Standardization, "adapt"),
    (keras.layers.Normalization, "adapt"),
    (keras.layers.Discretization, "adapt"),
    (keras.layers.StringLookup, "adapt"),
    (keras.layers.TextVectorization, "adapt"),
)


def forbid_training(function):
    """Return a function in which everything that learns from data raises an error."""

    def forbidden(*args, **kwargs):
        pytest.fail(f"{function.__name__} trains. Move this to `prepare`")

    @functools.wraps(function)
    def guarded(*args):
        with pytest.MonkeyPatch.context() as patch:
            for kind, method in TRAINING:
                patch.setattr(kind, method, forbidden)
            return function(*args)

    return guarded


@pytest.fixture
def build_without_training(monkeypatch):
    """Let `fit` and `adapt` raise an error while recipes build data and trainers."""

    def guarded(module):
        recipe = recipe_of(module)
        if not isinstance(recipe, SupervisedRecipe):
            return recipe
        builds = {name: forbid_training(getattr(recipe, name)) for name in ("build_data", "build_trainer")}
        return dataclasses.replace(recipe, **builds)

    monkeypatch.setattr(catalog, "recipe_of", guarded)


@pytest.mark.parametrize(
    "name",
    [pytest.param(each.name, marks=[pytest.mark.slow] if each.name in LONG else []) for each in all_recipes()],
)
def test_smoke(name, build_without_training, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    register()
    file = find_recipe(name)
    started = time.process_time()
    metrics = launch(RunRequest(name, smoke=True, out=tmp_path / "run")).metrics
    keras.backend.clear_session()
    gc.freeze()  # modules and caches, which the next garbage collection would scan again
    print(f"{name}: {time.process_time() - started:.1f} s of CPU")
    written = WRITTEN | (WRITTEN_BY_FIT if file.supervised else set())
    assert {path.name for path in (tmp_path / "run").iterdir()} >= written
    assert metrics["recipe"] == name
    assert metrics.keys() >= {"seconds", "steps_per_second", "seed", "versions"}
    split, measure = file.objective
    assert metrics[split][measure] >= 0  # 0 is possible for BLEU and for error rates
    recorded = read_results(file).fingerprint
    assert recorded, f"run `make scores RECIPES={name}`"
    changed = changes(recorded, fingerprint_of(tmp_path / "run"))
    assert not changed, f"the behavior has changed; run `make scores RECIPES={name}`: {'; '.join(changed)}"
    if file.supervised:  # the search ranges, whose values the configuration accepts
        assert space_of(file, None)


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMS)
def test_copy_repeats_the_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    launch(RunRequest(name, smoke=True, out=tmp_path / "run"))
    copy, settings = tmp_path / "mine.py", tmp_path / "settings.yaml"
    assert main(["copy", name, str(copy)]) == 0
    stored = (tmp_path / "run" / "config.yaml").read_text()
    settings.write_text("".join(line for line in stored.splitlines(keepends=True) if "recipe:" not in line))
    launch(RunRequest(str(copy), config=settings, out=tmp_path / "again"))
    assert result_of(tmp_path / "run") == result_of(tmp_path / "again")


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
@pytest.mark.parametrize(("name", "epochs", "jit"), [("mlp/digits", 5, "true"), ("timeseries/one_step", 2, "false")])
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
