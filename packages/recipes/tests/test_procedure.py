"""Tests of a recipe with its own training procedure: log, files, and resuming."""

import csv
import json

import numpy as np
import pytest

from tensorsmith.recipes import RunFailedError, RunInterruptedError, RunRequest, launch
from tensorsmith.testing import raises_argument_error

PERCEPTRON = '''
"""The perceptron rule on two clusters."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Config:
    epochs: int = 6  # passes over the examples
    seed: int = 0  # of the examples
    stop_after: int = 99  # epoch during which Ctrl-C comes


def train(config, run):
    generator = np.random.default_rng(run.seed)
    labels = np.repeat([-1.0, 1.0], 50)
    features = generator.normal(size=(100, 2)) + 1.2 * labels[:, None]
    weights = np.zeros(3)
    run.track(weights=weights)
    inputs = np.concatenate([features, np.ones((100, 1))], axis=1)
    while run.epoch < config.epochs:
        for x, y in zip(inputs, labels):
            weights += y * x * (y * (weights @ x) <= 0)
        if run.epoch == config.stop_after:
            raise KeyboardInterrupt
        run.end_epoch({"accuracy": np.mean(np.sign(inputs @ weights) == labels)})
    return {"train": {"accuracy": run.history["accuracy"][-1], "norm": float(np.linalg.norm(weights))}}
'''


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "perceptron.py"
    path.write_text(PERCEPTRON)
    return str(path)


def test_run_folder(recipe, tmp_path):
    result = launch(RunRequest(recipe, ["--epochs", "4"], out=tmp_path / "run"))
    assert result.metrics["train"]["accuracy"] > 0.75
    assert result.metrics == json.loads((tmp_path / "run/metrics.json").read_text())
    rows = list(csv.DictReader((tmp_path / "run/history.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert float(rows[-1]["accuracy"]) == result.metrics["train"]["accuracy"]
    assert (tmp_path / "run/curves.png").read_bytes().startswith(b"\x89PNG")
    assert "epochs: 4" in (tmp_path / "run/config.yaml").read_text()


def test_resumed_run_matches_uninterrupted_run(recipe, tmp_path):
    whole = launch(RunRequest(recipe, out=tmp_path / "whole")).metrics["train"]
    with pytest.raises(RunInterruptedError) as error:
        launch(RunRequest(recipe, ["--stop_after", "3"], out=tmp_path / "run"))
    assert error.value.command == ["run", recipe, "--out", str(tmp_path / "run"), "--resume"]
    config = tmp_path / "run/config.yaml"
    config.write_text(config.read_text().replace("stop_after: 3", "stop_after: 99"))
    resumed = launch(RunRequest(recipe, out=tmp_path / "run", resume=True)).metrics["train"]
    assert resumed == whole
    assert (tmp_path / "run/history.csv").read_text() == (tmp_path / "whole/history.csv").read_text()


def test_extended_run_matches_longer_run(recipe, tmp_path):
    whole = launch(RunRequest(recipe, ["--epochs", "9"], out=tmp_path / "whole")).metrics["train"]
    launch(RunRequest(recipe, out=tmp_path / "run"))
    assert launch(RunRequest(recipe, ["--epochs", "9"], out=tmp_path / "run", resume=True)).metrics["train"] == whole


def test_settings_of_supervised_recipes(recipe, tmp_path):
    with raises_argument_error("early_stopping", expected="used with a recipe that defines build_trainer"):
        launch(RunRequest(recipe, out=tmp_path / "run", settings={"early_stopping": 3}))


def test_damaged_checkpoint(recipe, tmp_path):
    with pytest.raises(RunInterruptedError):
        launch(RunRequest(recipe, ["--stop_after", "1"], out=tmp_path / "run"))
    path = tmp_path / "run/checkpoints/last.npz"
    whole = path.read_bytes()
    with np.load(path) as file:
        arrays = dict(file)
    metadata = json.loads(str(arrays["__run__"]))
    others = {
        "object array": arrays | {"weights/": np.array([{}], dtype=object)},
        "other shape": arrays | {"weights/": np.zeros(7)},
        "other dtype": arrays | {"weights/": arrays["weights/"].astype("float16")},
        "other name": {"v" if name == "weights/" else name: values for name, values in arrays.items()},
        "further array": arrays | {"v": np.zeros(1)},
        "no metadata": {name: values for name, values in arrays.items() if name != "__run__"},
    }
    for name, value in (
        ("epoch", "1"),
        ("epoch", None),
        ("epoch", -1),
        ("history", []),
        ("history", {"a": ["x"]}),
        ("history", {"\ud800": [1.0]}),
    ):
        others[f"{name} {value}"] = arrays | {"__run__": np.array(json.dumps(metadata | {name: value}))}
    others["nested"] = arrays | {"__run__": np.array("[" * 100_000)}
    damaged = {"text": b"PK damaged", "empty": b"", "truncated": whole[:-30], "half": whole[: len(whole) // 2]}
    middle = whole.index(b"NUMPY") + 130  # in the weights
    damaged["flipped"] = whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :]
    for name, content in others.items():
        np.savez(tmp_path / "other.npz", **content)
        damaged[name] = (tmp_path / "other.npz").read_bytes()
    np.savez_compressed(tmp_path / "other.npz", **arrays, zeros=np.zeros(100_000))
    damaged["compressed"] = (tmp_path / "other.npz").read_bytes()
    for content in damaged.values():
        path.write_bytes(content)
        with pytest.raises(RunFailedError, match=r"resume must be a checkpoint of this run.*last\.npz'\. Remove"):
            launch(RunRequest(recipe, out=tmp_path / "run", resume=True))


def test_incomplete_recipe_module(tmp_path):
    (tmp_path / "mine.py").write_text("Config = int\n")
    with raises_argument_error("recipe", received="does not define build_data and build_trainer", expected="define"):
        launch(RunRequest(str(tmp_path / "mine.py"), out=tmp_path / "run"))
