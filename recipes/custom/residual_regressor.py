"""Do residual blocks predict California housing prices better than plain dense layers, and can they share weights?

Data: California housing, 11,610 / 3,870 / 5,160 districts, 8 features, target in 100,000 dollars
Command: tensorsmith run custom/residual_regressor

Comparison: tensorsmith compare custom/residual_regressor --seeds 3 --parallel 2

A block adds its input to the output of two dense layers. All variants have ten layers in five blocks, and a learning
rate that was chosen on validation data. In `shared`, the first four blocks are one block that is called four times, so
that the network has 4,021 parameters instead of 9,601 (Géron, 2019, chapter 12).
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
from jsonargparse.typing import PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.data import load_splits
from tensorsmith.layers import ResidualDense
from tensorsmith.recipes import TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    blocks: Literal["plain", "shared", "separate"] = "shared"  # no shortcuts, one repeated block, or distinct blocks
    units: PositiveInt = tune.integer(10, 60, default=30)  # units of each ELU layer
    repetitions: PositiveInt = tune.integer(1, 6, default=4)  # calls of the first block
    learning_rate: PositiveFloat = tune.log_uniform(
        3e-4, 1e-2, default=3e-3
    )  # initial learning rate of Nadam, with cosine decay to 0
    epochs: PositiveInt = 20


SCORE = "test mean_squared_error"
ANSWER = """No: plain layers have a mean squared error of {score[plain]}, residual blocks of {score[separate]}, and
blocks that share weights of {score[shared]} ({seeds} seeds)."""
SMOKE = {"epochs": 1}
VARIANTS = {name: {"blocks": name} for name in ("plain", "shared", "separate")}
GRID = {"learning_rate": (1e-3, 3e-3)}


def build_data(config: Config) -> dict[str, Any]:
    """Loads features, standardized with the statistics of the training set, and prices."""
    splits = load_splits("california_housing")
    mean, deviation = splits["train"][0].mean(axis=0), splits["train"][0].std(axis=0)
    return {split: ((features - mean) / deviation, prices) for split, (features, prices) in splits.items()}


def build_model(config: Config) -> keras.Model:
    """Builds a dense layer, the blocks and an output layer."""

    def dense() -> keras.Layer:
        return keras.layers.Dense(config.units, "elu", kernel_initializer="he_normal")

    def block() -> keras.Layer:
        return keras.Sequential([dense(), dense()]) if config.blocks == "plain" else ResidualDense(config.units)

    repeated = (
        [block()] * config.repetitions if config.blocks == "shared" else [block() for _ in range(config.repetitions)]
    )
    inputs = keras.Input((8,))
    hidden = dense()(inputs)
    for layer in (*repeated, block()):
        hidden = layer(hidden)
    return keras.Model(inputs, keras.layers.Dense(1)(hidden))


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with mean squared error loss and the Nadam optimizer."""
    return Trainer(
        build_model(config),
        optimizer=keras.optimizers.Nadam(CosineDecay(config.learning_rate, "100%")),
        loss="mean_squared_error",
        metrics=["mean_squared_error"],
        jit=config.jit,
    )


if __name__ == "__main__":
    run_script(__file__)
