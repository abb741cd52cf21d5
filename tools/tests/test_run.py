"""Tests of `tensorsmith run`: run folder, reproducibility, resuming and errors."""

import csv
import json
import os
import resource
import runpy
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import yaml

from tensorsmith.recipes import find_recipe

pytestmark = pytest.mark.usefixtures("empty_figures")


def test_run_folder(finished_run):
    path, result = finished_run
    assert {file.name for file in path.iterdir()} == {
        "checkpoints",
        "config.yaml",
        "curves.png",
        "history.csv",
        "metrics.json",
        "model.keras",
        "names.json",
        "tensorboard",
    }
    metrics = json.loads((path / "metrics.json").read_text())
    assert metrics["seed"] == 3
    assert 0.5 < metrics["test"]["accuracy"] <= 1
    assert metrics["validation"].keys() == metrics["test"].keys() == {"loss", "accuracy"}
    assert metrics["seconds"] > 0
    assert metrics["steps_per_second"] > 0
    assert metrics["versions"].keys() >= {"python", "tensorflow", "keras"}
    rows = list(csv.DictReader((path / "history.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert (path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert str(path.relative_to(path.parents[2])) in result.stdout
    assert f"{metrics['test']['accuracy']:.4f}" in result.stdout


def test_saved_model_matches_metrics(finished_run):
    import keras

    from tensorsmith.data import load

    path, _ = finished_run
    test = load("digits", split="test")
    predictions = keras.models.load_model(path / "model.keras").predict(test.features, verbose=0).argmax(axis=1)
    metrics = json.loads((path / "metrics.json").read_text())
    assert np.mean(predictions == test.labels) == pytest.approx(metrics["test"]["accuracy"], abs=1e-6)


def test_config_reproduces_run(finished_run, command, tmp_path):
    path, _ = finished_run
    result = command("run", "mlp/digits", "--config", path / "config.yaml", "--out", tmp_path / "again")
    assert result.returncode == 0, result.stderr
    first, second = (json.loads((folder / "metrics.json").read_text()) for folder in (path, tmp_path / "again"))
    assert first["test"] == second["test"]
    assert (path / "history.csv").read_text() == (tmp_path / "again" / "history.csv").read_text()


def test_finished_run_is_unchanged(finished_run, command):
    path, _ = finished_run
    before = (path / "metrics.json").read_text()
    assert command("run", "mlp/digits", "--out", path, "--resume").returncode == 0
    assert command("run", "mlp/digits", "--out", path).returncode == 2
    other = command("run", "mlp/digits", "--out", path, "--resume", "--seed", "9")
    assert other.returncode == 2
    assert "got other values of --seed than the run" in other.stderr
    assert (path / "metrics.json").read_text() == before


def test_copied_recipe_runs_as_a_script(command, tmp_path, monkeypatch):
    assert command("copy", "mlp/digits", "mine.py", cwd=tmp_path).returncode == 0
    assert command("copy", "mlp/digits", "mine.py", cwd=tmp_path).returncode == 2  # existing files are not overwritten
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["mine.py", "--smoke", "--epochs", "1"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path("mine.py", run_name="__main__")
    assert end.value.code == 0
    (run,) = (tmp_path / "runs" / "mine").iterdir()
    assert yaml.safe_load((run / "config.yaml").read_text())["epochs"] == 1


@pytest.mark.slow
def test_resumed_run_matches_uninterrupted_run(command, tmp_path):
    flags = ["run", "mlp/digits", "--epochs", "400", "--jit", "false"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tensorsmith.tools", *flags, "--out", tmp_path / "run"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "run" / "history.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume" in said
    assert not (tmp_path / "run" / "metrics.json").exists()

    epochs = len((tmp_path / "run" / "history.csv").read_text().splitlines()) + 2
    shorter = [*flags[:2], "--epochs", epochs, "--jit", "false"]
    resumed = command(*shorter, "--out", tmp_path / "run", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert command(*shorter, "--out", tmp_path / "whole").returncode == 0
    for name in ("history.csv", "config.yaml"):
        assert (tmp_path / "run" / name).read_text() == (tmp_path / "whole" / name).read_text()


def test_invalid_training_data(command, tmp_path):
    assert command("copy", "mlp/digits", tmp_path / "mine.py").returncode == 0
    text = (tmp_path / "mine.py").read_text()
    splits = "load_splits(config.data, image_shape=(8, 8))"
    spoilt = text.replace(splits, f"{{name: (x, y + 1) for name, (x, y) in {splits}.items()}}")
    assert spoilt != text
    (tmp_path / "mine.py").write_text(spoilt)
    result = command("run", tmp_path / "mine.py", "--smoke", "--out", tmp_path / "run")
    assert result.returncode == 1
    assert "got label 10 at row" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_failed_start_leaves_no_folder(command, tmp_path):
    assert command("copy", "mlp/digits", tmp_path / "mine.py").returncode == 0
    text = (tmp_path / "mine.py").read_text()
    (tmp_path / "mine.py").write_text(text.replace("load_splits(config.data", 'load_splits("digit"'))
    result = command("run", tmp_path / "mine.py", "--smoke", "--out", tmp_path / "run")
    assert result.returncode == 1
    assert "Did you mean digits?" in result.stderr
    assert not (tmp_path / "run").exists()


def test_unwritable_folder(command, tmp_path):
    (tmp_path / "file").write_text("")
    result = command("run", "mlp/digits", "--smoke", "--out", tmp_path / "file" / "run")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "Not a directory" in result.stderr


def test_disk_full_error_message(command, tmp_path):
    """Simulates a full disk by a limit on the file size."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40 * 1024, limits[1]))
    try:
        result = command("run", "mlp/digits", "--smoke", "--out", tmp_path / "run")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("tensorsmith: ")
    assert "Traceback" not in result.stderr
    assert not list((tmp_path / "run").glob("*.keras"))
    assert not list((tmp_path / "run").glob(".*"))


def test_profile(command, tmp_path):
    flags = ("--smoke", "--profile", "--out", tmp_path / "run", "--epochs", 2, "--batch_size", 32)
    result = command("run", "mlp/digits", *flags)
    assert result.returncode == 0, result.stderr
    assert len(list((tmp_path / "run/tensorboard/plugins/profile").glob("*/*.xplane.pb"))) == 1
    assert "Waiting for data: 0.0 % of the time of 20 steps" in result.stdout  # arrays
    metrics = json.loads((tmp_path / "run/metrics.json").read_text())
    assert (metrics["waiting_for_data"], metrics["profiled_steps"]) == (0, 20)


def test_other_keras_backend(tensorsmith, tmp_path):
    result = tensorsmith("run", "mlp/digits", "--smoke", "--out", tmp_path / "run", env={"KERAS_BACKEND": "jax"})
    assert result.returncode == 1
    assert "unset KERAS_BACKEND" in result.stderr


def test_evaluate_predict_and_export(finished_run, command, tmp_path):
    path, _ = finished_run
    metrics = json.loads((path / "metrics.json").read_text())
    evaluated = command("evaluate", path)
    assert evaluated.returncode == 0, evaluated.stderr
    assert f"{metrics['test']['accuracy']:.4f}" in evaluated.stdout
    assert "test, by class" in evaluated.stdout
    assert evaluated.stdout.splitlines()[-1] == str(path / "test_confusion_matrix.png")
    (path / "test_confusion_matrix.png").unlink()  # other tests use the folder
    np.save(tmp_path / "x.npy", np.zeros((2, 8, 8), "float32"))
    predicted = command("predict", path, "--input", tmp_path / "x.npy")
    header, first, second = predicted.stdout.splitlines()
    assert header == "0,1,2,3,4,5,6,7,8,9,predicted"
    assert first == second
    *probabilities, digit = first.split(",")
    assert sum(map(float, probabilities)) == pytest.approx(1.0)
    assert digit == str(np.argmax(list(map(float, probabilities))))
    assert command("predict", path, "--input", tmp_path / "x.npy", "--out", tmp_path / "p.npy").returncode == 0
    assert np.load(tmp_path / "p.npy").shape == (2, 10)
    exported = command("export", path, tmp_path / "exported", "--tflite")
    assert exported.returncode == 0, exported.stderr
    assert {"saved_model.pb", "model.tflite"} <= {file.name for file in (tmp_path / "exported").iterdir()}
    assert command("predict", tmp_path, "--input", tmp_path / "x.npy").returncode == 2


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("import keras\n", "import no_such_module\n", "import no_such_module", "No module named"),
        ('SMOKE = {"epochs": 2}', 'SMOKE = {"epochs": 2', "SMOKE", "'{' was never closed"),
        ("Dense(units,", "Dense(-units,", "Dense(-units,", "Received an invalid value for `units`"),
        ("in config.units]", "in config.unit]", "in config.unit]", "'Config' object has no attribute 'unit'"),
    ],
)
def test_error_in_a_recipe_shows_file_and_line(command, tmp_path, old, new, line, message):
    text = find_recipe("mlp/digits").path.read_text()
    assert old in text
    path = tmp_path / "mine.py"
    path.write_text(text.replace(old, new))
    number = next(i for i, each in enumerate(path.read_text().splitlines(), 1) if line in each)
    result = command("run", path, "--smoke", "--out", tmp_path / "run")
    assert result.returncode == 1
    assert f"tensorsmith: {path}, line {number}: " in result.stderr
    assert message in result.stderr
    assert "launch.py" not in result.stderr


PLAIN = """
from pathlib import Path

Path("trained").write_text("")
"""


@pytest.mark.parametrize("words", [("run",), ("run", "--help"), ("tune",), ("compare",), ("show",), ("copy", "new.py")])
def test_script_that_is_not_a_recipe_is_not_executed(command, tmp_path, words):
    (tmp_path / "plain.py").write_text(PLAIN)
    subcommand, *rest = words
    result = command(subcommand, "plain.py", *rest, cwd=tmp_path)
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("tensorsmith: recipe must be a recipe, which defines Config and either train, or build_data")
    assert "got plain.py, which does not define Config and build_data and build_trainer. Run other scripts" in line
    assert not (tmp_path / "trained").exists()


def test_recipe_with_imported_settings(command, tmp_path, monkeypatch):
    """A `Config` that another file defines is shown like others."""
    monkeypatch.syspath_prepend(tmp_path)
    command("copy", "mlp/digits", "base_of_mine.py", cwd=tmp_path)
    (tmp_path / "mine.py").write_text("from base_of_mine import *\n")
    shown = command("show", "mine.py", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "\nepochs: 40  # passes over the training set\n" in shown.stdout
