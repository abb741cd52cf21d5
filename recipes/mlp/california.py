"""California housing prices with an MLP whose hyperparameters can be tuned by random search.

Data: California housing, 11,610 / 3,870 / 5,160 districts, 8 features, target in 100,000 dollars
Command: tensorsmith run mlp/california

Search: tensorsmith tune mlp/california --trials 10 --folds 3

The search ranges are similar to those of Géron (2019, chapter 10).
"""

from dataclasses import dataclass
from typing import Any

import keras
from jsonargparse.typing import NonNegativeInt, PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.data import load_splits
from tensorsmith.recipes import TrainingSettings, run_script
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    hidden_layers: NonNegativeInt = tune.integer(0, 3, default=2)  # number of hidden ReLU layers
    units: PositiveInt = tune.integer(1, 99, default=42)  # units of each hidden layer
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 3e-2, default=3e-3)  # learning rate of Adam
    batch_size: PositiveInt = tune.choice([16, 32, 64], default=32)
    data: str = "california_housing"  # name of a data set of numbers, or path of a CSV, TSV or Parquet file
    target: str | None = None  # column of the file to predict; null for the last one
    epochs: PositiveInt = 100


SCORE = "test mean_squared_error"
SMOKE = {"epochs": 1}


def build_data(config: Config) -> dict[str, Any]:
    """Loads features, which are not standardized, and targets, which are prices by default."""
    return load_splits(config.data, target=config.target, only_numbers=True)


def build_model(config: Config) -> keras.Model:
    """Builds a standardization with the statistics of the training set, hidden layers of equal width and one output."""
    features, _ = build_data(config)["train"]
    standardization = keras.layers.Normalization(mean=features.mean(axis=0), variance=features.var(axis=0))
    layers = range(config.hidden_layers)
    hidden = [keras.layers.Dense(config.units, "relu", kernel_initializer="he_normal") for _ in layers]
    return keras.Sequential([keras.Input(features.shape[1:]), standardization, *hidden, keras.layers.Dense(1)])


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with mean squared error loss and the Adam optimizer."""
    return Trainer(
        build_model(config),
        optimizer=keras.optimizers.Adam(config.learning_rate),
        loss="mean_squared_error",
        metrics=["mean_squared_error"],
        jit=config.jit,
    )


if __name__ == "__main__":
    run_script(__file__)
