"""Does it help a network that predicts California housing prices if it also has to reconstruct its inputs?

Data: California housing, 11,610 / 3,870 / 5,160 districts, 8 features, target in 100,000 dollars
Command: tensorsmith run custom/reconstructing_regressor

Comparison: tensorsmith compare custom/reconstructing_regressor --seeds 3 --parallel 2

The model adds a loss that depends on a hidden layer with `add_loss`, and reports it as `reconstruction_error`. Géron
(2019, chapter 12) prints losses of 4.3092 and 1.1232 and reconstruction errors of 1.7360 and 0.8964 for the first two
epochs, without naming the optimizer; with the one of this recipe, they are several times smaller.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from jsonargparse.typing import NonNegativeFloat, PositiveFloat, PositiveInt
from keras import ops

import tensorsmith.tuning as tune
from tensorsmith.core.types import Logs, Shape, Tensor
from tensorsmith.data import load_splits
from tensorsmith.recipes import TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    reconstruction_weight: NonNegativeFloat = tune.uniform(0.0, 0.5, default=0.05)  # factor of the additional loss
    hidden_layers: PositiveInt = tune.integer(1, 8, default=5)  # number of hidden SELU layers
    units: PositiveInt = tune.integer(10, 60, default=30)  # units of each hidden layer
    learning_rate: PositiveFloat = tune.log_uniform(
        3e-4, 1e-2, default=3e-3
    )  # initial learning rate of Nadam, with cosine decay to 0
    epochs: PositiveInt = 20


SCORE = "test mean_squared_error"
ANSWER = """No. The mean squared error is {score[weight_0.0]} without reconstruction, {score[weight_0.05]} with a
weight of 0.05 and {score[weight_0.5]} with 0.5 ({seeds} seeds)."""
SMOKE = {"epochs": 1}
VARIANTS = {f"weight_{weight}": {"reconstruction_weight": weight} for weight in (0.0, 0.05, 0.5)}


def build_data(config: Config) -> dict[str, Any]:
    """Loads features, standardized with the statistics of the training set, and prices."""
    splits = load_splits("california_housing")
    mean, deviation = splits["train"][0].mean(axis=0), splits["train"][0].std(axis=0)
    return {split: ((features - mean) / deviation, prices) for split, (features, prices) in splits.items()}


@keras.saving.register_keras_serializable("reconstructing_regressor")
class ReconstructingRegressor(keras.Model):
    """Regression model that also reconstructs its inputs. Its config contains the arguments that create it again."""

    def __init__(self, hidden_layers: int, units: int, weight: float, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.hidden_layers, self.units, self.weight = hidden_layers, units, weight
        self.hidden = [
            keras.layers.Dense(units, "selu", kernel_initializer="lecun_normal") for _ in range(hidden_layers)
        ]
        self.out = keras.layers.Dense(1)
        self.error = keras.metrics.Mean("reconstruction_error")

    def build(self, input_shape: Shape) -> None:
        features = input_shape[-1]  # not known in the constructor
        for layer, size in zip(self.hidden, [features] + [self.units] * (self.hidden_layers - 1), strict=True):
            layer.build((None, size))
        self.out.build((None, self.units))
        self.reconstruct = keras.layers.Dense(features)
        self.reconstruct.build((None, self.units))

    def call(self, inputs: Tensor) -> Tensor:
        hidden = inputs
        for layer in self.hidden:
            hidden = layer(hidden)
        error = ops.mean((self.reconstruct(hidden) - inputs) ** 2)
        self.add_loss(self.weight * error)
        self.error.update_state(error)
        return self.out(hidden)

    def get_config(self) -> dict[str, Any]:
        own = {"hidden_layers": self.hidden_layers, "units": self.units, "weight": self.weight}
        return {**super().get_config(), **own}


def build_model(config: Config) -> keras.Model:
    """Builds a model with 4,269 parameters by default."""
    model = ReconstructingRegressor(config.hidden_layers, config.units, config.reconstruction_weight)
    model.build((None, 8))
    return model


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with mean squared error loss, to which the loss of the model is added, and Nadam."""
    return Trainer(
        build_model(config),
        optimizer=keras.optimizers.Nadam(CosineDecay(config.learning_rate, "100%")),
        loss="mean_squared_error",
        metrics=["mean_squared_error"],
        jit=config.jit,
    )


class LossRatio(keras.callbacks.Callback):
    """Callback that logs the ratio of the validation loss to the training loss."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["validation_ratio"] = logs["val_loss"] / logs["loss"]


def callbacks(config: Config, folder: Path) -> list[keras.callbacks.Callback]:
    """Returns a callback that logs the ratio of the validation loss to the training loss, to detect overfitting."""
    return [LossRatio()]


if __name__ == "__main__":
    run_script(__file__)
