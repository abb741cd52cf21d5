"""Recipes for tests, which train quickly."""

import types
from dataclasses import dataclass

import keras
import numpy as np
import pytest

import tensorsmith.tuning as tune
from tensorsmith.runs import SupervisedRecipe
from tensorsmith.training import Trainer

X = np.linspace(-1, 1, 48, dtype="float32")[:, None]
TRUE_WEIGHT = 3.0


@dataclass(frozen=True)
class Fixed:
    """Configuration of a line through 0 with a constant slope that is not trained."""

    weight: float = tune.uniform(0.0, 5.0, default=1.0)
    epochs: int = 2
    batch_size: int = 16
    seed: int = 0


def fixed_loss(weight):
    return float(np.mean((weight - TRUE_WEIGHT) ** 2 * X.astype(float) ** 2))


def build_data(config):
    return {"train": (X, TRUE_WEIGHT * X), "validation": (X, TRUE_WEIGHT * X)}


def build_trainer(config):
    line = keras.layers.Dense(1, use_bias=False, kernel_initializer=keras.initializers.Constant(config.weight))
    return Trainer(keras.Sequential([keras.Input((1,)), line]), keras.optimizers.SGD(0.0), "mse", jit=False)


@pytest.fixture(scope="session")
def fixed():
    """Returns the recipe, a function that creates searches, and the expected loss of each slope."""
    recipe = SupervisedRecipe(config_class=Fixed, build_data=build_data, build_trainer=build_trainer)
    return types.SimpleNamespace(
        recipe=recipe,
        loss=fixed_loss,
        search=lambda **more: tune.Search(recipe, Fixed(), tune.declared(Fixed), **more),
    )


@dataclass(frozen=True)
class Trained:
    """Configuration of a linear model, trained on noisy data."""

    learning_rate: float = tune.log_uniform(1e-3, 0.3, default=0.1)
    epochs: int = 9
    batch_size: int = 16
    seed: int = 0


@pytest.fixture(scope="session")
def plane():
    generator = np.random.default_rng(1)
    x = generator.normal(size=(96, 2)).astype("float32")
    return x, (x @ [2.0, -1.0] + 0.5 * generator.normal(size=96)).astype("float32")


@pytest.fixture(scope="session")
def trained(plane):
    x, y = plane

    def build_data(config):
        return {"train": (x[:64], y[:64]), "validation": (x[64:], y[64:])}

    def build_trainer(config):
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        return Trainer(model, keras.optimizers.SGD(config.learning_rate), "mse", jit=False)

    return SupervisedRecipe(config_class=Trained, build_data=build_data, build_trainer=build_trainer)


@pytest.fixture(scope="module", autouse=True)
def figures_of_runs(draft_figures):
    """Runs draw their learning curves quickly."""
