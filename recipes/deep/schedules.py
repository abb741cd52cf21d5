"""Which learning rate schedule trains a deep network best on Fashion-MNIST, if each has its own initial rate?

Data: 10,000 training images of Fashion-MNIST, 5,000 validation and 10,000 test images
Command: tensorsmith run deep/schedules

Comparison: tensorsmith compare deep/schedules --parallel 2

The rates were chosen on validation data. The grid has no effect on `one_cycle_found`, whose highest rate is the one
that a range test suggests.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import keras
from jsonargparse.typing import PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.data import load_splits
from tensorsmith.optimizers import SGD
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import ExponentialDecay, OneCycle, PiecewiseConstant, PowerDecay
from tensorsmith.training import LRFinder, Trainer

Name = Literal["constant", "power", "exponential", "piecewise", "plateau", "one_cycle", "one_cycle_found"]


@dataclass(frozen=True)
class Config(TrainingSettings):
    schedule: Name = "constant"  # one_cycle_found has the highest rate that a learning-rate range test suggests
    learning_rate: PositiveFloat = tune.log_uniform(
        1e-3, 0.1, default=0.01
    )  # initial rate of SGD, or the highest rate of one_cycle
    hidden_layers: PositiveInt = tune.integer(2, 10, default=5)  # number of hidden SELU layers
    units: PositiveInt = 100  # units of each hidden layer
    epochs: PositiveInt = 20
    train_size: PositiveInt = 10_000  # number of training examples


SCORE = "test accuracy"
ANSWER = """The 1cycle schedule is best, with a gain of {gain[one_cycle]} over a constant rate ({ranking}; {seeds}
seeds). The rate that the range test suggests is too low: the gain of one_cycle_found is {gain[one_cycle_found]}."""
SMOKE = {"epochs": 1, "train_size": 640}
VARIANTS = {name: {"schedule": name} for name in get_args(Name)}
GRID = {"learning_rate": (0.003, 0.01, 0.02)}


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    """Returns the learning rate that a range test with the constant schedule suggests, for one_cycle_found only."""
    if config.schedule != "one_cycle_found":
        return {}
    constant = replace(config, schedule="constant")
    data, trainer = build_data(constant, {}), build_trainer(constant, {})
    return {"rate": LRFinder()(trainer, *data["train"], batch_size=config.batch_size).suggestion}


def build_data(config: Config, prepared: dict[str, Any]) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28) in [0, 1] and labels from 0 to 9."""
    return load_splits("fashion_mnist", train_size=config.train_size)


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    """Builds a self-normalizing network of hidden SELU layers of equal width."""
    layers = range(config.hidden_layers)
    hidden = [keras.layers.Dense(config.units, "selu", kernel_initializer="lecun_normal") for _ in layers]
    return keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), *hidden, keras.layers.Dense(10, "softmax")])


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer with cross-entropy and SGD with momentum 0.9 and a schedule."""
    rate = prepared.get("rate", config.learning_rate)
    schedules = {
        "power": lambda: PowerDecay(rate, "10%"),
        "exponential": lambda: ExponentialDecay(rate, "50%", 0.1),
        "piecewise": lambda: PiecewiseConstant(["25%", "75%"], [rate, rate / 2, rate / 10]),
        "one_cycle": lambda: OneCycle(rate / 10, rate, "100%"),
        "one_cycle_found": lambda: OneCycle(rate / 10, rate, "100%"),
    }
    return Trainer(
        build_model(config, prepared),
        optimizer=SGD(schedules[config.schedule]() if config.schedule in schedules else rate, momentum=0.9),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit=config.jit,
    )


def callbacks(config: Config, folder: Path) -> Sequence[keras.callbacks.Callback]:
    """Returns the callback of the schedule "plateau", which halves the rate after 2 epochs without improvement."""
    return [keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=2)] if config.schedule == "plateau" else []


if __name__ == "__main__":
    run_script(__file__)
