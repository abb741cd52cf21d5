"""Which normalization, initialization or dropout improves simple recurrent networks that forecast ten steps?

Data: 10,000 generated series of 50 steps and the next 10, 7,000 / 2,000 / 1,000
Command: tensorsmith run timeseries/normalization

Comparison: tensorsmith compare timeseries/normalization --parallel 2

`batch_norm` is between the layers (Laurent et al., 2016), `layer_norm` within the cells (Ba et al., 2016). `irnn` has
ReLU and recurrent weights that start as the identity (Le et al., 2015), `relu` orthogonal ones. `dropout` has one mask
for all steps (Gal and Ghahramani, 2016), `step_dropout` a mask for each step.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.core.types import Tensor
from tensorsmith.data import time_series
from tensorsmith.layers import BatchNormalization, DropoutCell, LayerNormSimpleRNN, SimpleRNN
from tensorsmith.recipes import TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer

Name = Literal["none", "batch_norm", "layer_norm", "relu", "irnn", "dropout", "step_dropout"]


@dataclass(frozen=True)
class Config(TrainingSettings):
    technique: Name = "none"  # technique, see above
    units: PositiveInt = 20  # units of each of the two recurrent layers
    rate: ClosedUnitInterval = 0.05  # dropout rate of inputs and states
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 3e-2, default=1e-2)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 20
    batch_size: PositiveInt = 32  # series per step


SCORE = "test last_step_error"
ANSWER = """The mean squared errors of the ten steps are {ranking} ({seeds} seeds)."""
SMOKE = {"epochs": 1, "technique": "layer_norm"}
VARIANTS = {name: {"technique": name} for name in Name.__args__}
GRID = {"learning_rate": (3e-3, 1e-2)}
PARTS = {"train": slice(7000), "validation": slice(7000, 9000), "test": slice(9000, None)}
STEPS, AHEAD = 50, 10


def build_data(config: Config) -> dict[str, Any]:
    """Generates inputs of shape (n, 50, 1), and the next 10 values after each input."""
    series = time_series(10_000, STEPS + AHEAD, seed=42)
    targets = np.stack([series[:, 1 + k : STEPS + 1 + k, 0] for k in range(AHEAD)], axis=-1)
    return {name: (series[rows, :STEPS], targets[rows]) for name, rows in PARTS.items()}


def build_model(config: Config) -> keras.Model:
    """Builds two recurrent layers and a dense layer with ten forecasts at each step."""
    model = keras.Sequential([keras.Input((STEPS, 1))])
    for _ in range(2):
        model.add(_layer(config))
        if config.technique == "batch_norm":
            model.add(BatchNormalization())
    model.add(keras.layers.Dense(AHEAD))
    return model


def _layer(config: Config) -> keras.layers.RNN:
    """Returns a recurrent layer."""
    units = config.units
    match config.technique:
        case "layer_norm":
            return LayerNormSimpleRNN(units, return_sequences=True)
        case "relu":
            return SimpleRNN(units, "relu", return_sequences=True)
        case "irnn":
            return SimpleRNN(units, "relu", recurrent_initializer="identity", return_sequences=True)
        case "dropout":
            return SimpleRNN(units, dropout=config.rate, recurrent_dropout=config.rate, return_sequences=True)
        case "step_dropout":
            cell = DropoutCell(keras.layers.SimpleRNNCell(units), config.rate, config.rate, seed=config.seed)
            return keras.layers.RNN(cell, return_sequences=True)
    return SimpleRNN(units, return_sequences=True)


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with mean squared error, and Adam with a clipped gradient."""

    @keras.saving.register_keras_serializable(package="recipes")
    def last_step_error(y_true: Tensor, y_pred: Tensor) -> Tensor:
        return keras.ops.mean(keras.ops.square(y_true[:, -1] - y_pred[:, -1]), axis=-1)

    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"), global_clipnorm=1.0)
    return Trainer(build_model(config), optimizer, "mean_squared_error", [last_step_error], jit=config.jit)


if __name__ == "__main__":
    run_script(__file__)
