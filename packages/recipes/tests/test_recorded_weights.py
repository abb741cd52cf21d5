"""Tests of weights that are stored with the results of a recipe."""

import keras
import numpy as np
import pytest

from tensorsmith.core import UnreadableFileError
from tensorsmith.recipes.catalog import RecipeFile
from tensorsmith.recipes.recorded import weights
from tensorsmith.recipes.recorded.results import read_results
from tensorsmith.recipes.recorded.weights import record_weights, recorded_model, weights_path
from tensorsmith.testing import raises_argument_error

RECIPE = '''
"""Recipe with recorded weights."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from tensorsmith.recipes import TrainingSettings
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    units: int = 2


SCORE = "test loss"


def build_data(config):
    return {}


def build_trainer(config):
    return Trainer(keras.Sequential([keras.Input((3,)), keras.layers.Dense(config.units)]), "sgd", "mse")
'''
WEIGHTS = [np.arange(6.0).reshape(3, 2), np.array([10.0, 11.0])]


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    path = tmp_path / "family" / "judge.py"
    path.parent.mkdir()
    path.write_text(RECIPE.lstrip())
    found = RecipeFile("family/judge", path)
    monkeypatch.setattr(weights, "find_recipe", lambda name: found)
    return found


@pytest.fixture
def recorded(recipe, tmp_path):
    np.savez(tmp_path / "weights.npz", *[weight.astype("float16") for weight in WEIGHTS])
    record_weights(recipe, tmp_path / "weights.npz")
    return recipe


def test_recorded_model(recorded):
    keras.utils.set_random_seed(3)
    drawn = float(keras.random.uniform(()))
    keras.utils.set_random_seed(3)
    model = recorded_model("family/judge")
    for weight, expected in zip(model.get_weights(), WEIGHTS, strict=True):
        np.testing.assert_array_equal(weight, expected)
    assert float(keras.random.uniform(())) == drawn  # the random state of the run is not changed
    assert len(read_results(recorded).weights) == 64


def test_changed_weights(recorded):
    path = weights_path(recorded)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(UnreadableFileError, match="whose content has changed"):
        recorded_model("family/judge")


def test_missing_weights(recipe):
    with raises_argument_error("recipe", expected="a recipe with recorded weights"):
        recorded_model("family/judge")


def test_large_weights(recipe, tmp_path):
    np.savez(tmp_path / "weights.npz", np.zeros(70_000))
    with raises_argument_error("weights", expected="at most 500,000 bytes"):
        record_weights(recipe, tmp_path / "weights.npz")
    assert not weights_path(recipe).exists()
