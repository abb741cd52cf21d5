"""How much does averaging the weights improve a dense network on 10,000 images of Fashion-MNIST?

Data: 10,000 training images of Fashion-MNIST, 5,000 validation and 10,000 test images
Command: tensorsmith run deep/averaging

Comparison: tensorsmith compare deep/averaging --parallel 2

The averages of SWA begin after half of the epochs, with one sample of the weights an epoch. The validation curves are
those of the weights before averaging. `cosine_decay` shows what a decaying learning rate achieves without averages.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
from jsonargparse.typing import PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.data import load_splits
from tensorsmith.optimizers import SGD, SWA, MovingAverage
from tensorsmith.recipes import TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    averaging: Literal["none", "ema", "swa"] = "ema"  # exponential moving average, or stochastic weight averaging
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 0.1, default=0.01)  # learning rate of SGD with momentum 0.9
    decay: bool = False  # cosine decay of the learning rate to 0
    units: tuple[PositiveInt, ...] = (300, 100)  # units of each hidden ReLU layer
    epochs: PositiveInt = 20
    train_size: PositiveInt = 10_000  # number of training examples


SCORE = "test accuracy"
ANSWER = """The gains in accuracy over none are {gain[ema]} for an exponential moving average, {gain[swa]} for SWA, and
{gain[cosine_decay]} for a decaying learning rate without averages ({seeds} seeds)."""
SMOKE = {"epochs": 1, "train_size": 640}
VARIANTS = {
    **{name: {"averaging": name} for name in ("none", "ema", "swa")},
    "cosine_decay": {"averaging": "none", "decay": True},
}
GRID = {"learning_rate": (0.003, 0.01, 0.03)}
COLUMNS = ("test loss",)


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28) in [0, 1] and labels from 0 to 9."""
    return load_splits("fashion_mnist", train_size=config.train_size)


def build_model(config: Config) -> keras.Model:
    """Builds a classifier with hidden ReLU layers."""
    hidden = [keras.layers.Dense(units, "relu", kernel_initializer="he_normal") for units in config.units]
    return keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), *hidden, keras.layers.Dense(10, "softmax")])


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss and SGD with momentum, which averages the weights after each step."""
    rate = config.learning_rate
    optimizer = SGD(CosineDecay(rate, "100%") if config.decay else rate, momentum=0.9)
    steps = -(-config.train_size // config.batch_size)
    wrappers = {
        "none": lambda: optimizer,
        "ema": lambda: MovingAverage(optimizer, average_decay=0.998, dynamic_decay=True),
        "swa": lambda: SWA(optimizer, start_averaging=(config.epochs // 2 + 1) * steps - 1, average_period=steps),
    }
    averaged = wrappers[config.averaging]()
    return Trainer(build_model(config), averaged, "sparse_categorical_crossentropy", ["accuracy"], jit=config.jit)


class AssignAverages(keras.callbacks.Callback):
    """Callback that replaces the weights by their averages."""

    def on_train_end(self, logs: Any = None) -> None:
        self.model.optimizer.assign_average_vars(self.model.trainable_variables)


def callbacks(config: Config, folder: Path) -> Sequence[keras.callbacks.Callback]:
    """Returns a callback that assigns the averages to the model at the end of training."""
    return [] if config.averaging == "none" else [AssignAverages()]


if __name__ == "__main__":
    run_script(__file__)
