"""Tests of runs that save another model than the trained one."""

import json

from tensorsmith.data import load
from tensorsmith.recipes import RunRequest, launch
from tensorsmith.recipes.trained_run import TrainedRun

RECIPE = '''"""Digits, whose pixels are scaled outside of the trained model."""

from dataclasses import dataclass

import keras

from tensorsmith.data import load_splits
from tensorsmith.recipes import TrainingSettings
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    epochs: int = 1  # passes over the training set
    data: str = "digits"  # data set


SCORE = "test accuracy"


def build_data(config):
    return {split: (2.0 * images, labels) for split, (images, labels) in load_splits(config.data).items()}


def build_trainer(config):
    model = keras.Sequential([keras.Input((8, 8)), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])
    return Trainer(model, "sgd", "sparse_categorical_crossentropy", ["accuracy"], jit=False)


def model_to_save(trainer):
    inputs = keras.Input((8, 8))
    return keras.Model(inputs, trainer.model(keras.layers.Rescaling(2.0)(inputs)))
'''


def test_model_that_contains_the_trained_one(tmp_path, monkeypatch):
    """It has the scores of the run, a report by class, and the class names of the data set."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scaled.py").write_text(RECIPE)
    launch(RunRequest("scaled.py", out=tmp_path / "run"))
    recorded = json.loads((tmp_path / "run" / "metrics.json").read_text())
    evaluation = TrainedRun(tmp_path / "run").evaluate_in_detail()
    assert evaluation.scores == {split: recorded[split] for split in ("validation", "test")}
    assert evaluation.report.support.sum() == len(load("digits", "test").labels)
    assert json.loads((tmp_path / "run" / "names.json").read_text())["classes"] == list("0123456789")
