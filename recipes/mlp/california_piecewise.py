"""California housing prices with piecewise linear encodings of the features and a wide network.

Data: California housing, 11,610 / 3,870 / 5,160 districts, 8 features, target in 100,000 dollars
Command: tensorsmith run mlp/california_piecewise

Each feature is replaced by one component for each interval between its quantiles, which increases linearly from 0 to 1
in this interval (Gorishniy et al., 2022). The sum and the difference of latitude and longitude are encoded as well.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from jsonargparse.typing import ClosedUnitInterval, NonNegativeFloat, PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.data import load_splits
from tensorsmith.optimizers import AdamW
from tensorsmith.recipes import TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    bins: PositiveInt = tune.integer(8, 64, default=32)  # number of intervals of each feature
    units: tuple[PositiveInt, ...] = (256, 256)  # units of each hidden ReLU layer
    dropout: ClosedUnitInterval = tune.uniform(0.0, 0.5, default=0.2)  # dropout rate after each hidden layer
    learning_rate: PositiveFloat = tune.log_uniform(
        3e-4, 1e-2, default=2e-3
    )  # initial learning rate of AdamW, with cosine decay to 0
    weight_decay: NonNegativeFloat = 0.01  # weight decay of AdamW
    epochs: PositiveInt = 40
    batch_size: PositiveInt = 64


SCORE = "test mean_squared_error"
SMOKE = {"epochs": 1, "units": (32,)}


def build_data(config: Config) -> dict[str, Any]:
    """Loads the features, to which the sum and the difference of latitude and longitude are added, and prices."""

    def with_diagonals(features: np.ndarray) -> np.ndarray:
        latitude, longitude = features[:, 6], features[:, 7]
        return np.column_stack([features, latitude + longitude, latitude - longitude])

    return {
        split: (with_diagonals(each), prices) for split, (each, prices) in load_splits("california_housing").items()
    }


def encoder(features: np.ndarray, bins: int) -> keras.Model:
    """Builds a model that encodes features piecewise linearly, between the quantiles of the given features."""
    # Equal quantiles, of features with few values, would be intervals without a length.
    edges = [np.unique(np.quantile(each, np.linspace(0, 1, bins + 1))) for each in features.T.astype(np.float64)]
    kernel, bias = np.zeros((len(edges), bins)), np.zeros((len(edges), bins))
    for number, each in enumerate(edges):
        widths = np.diff(each)
        kernel[number, : len(widths)], bias[number, : len(widths)] = 1 / widths, -each[:-1] / widths
    linear = keras.layers.EinsumDense("bi,ik->bik", (len(edges), bins), bias_axes="ik", trainable=False)
    model = keras.Sequential(
        [keras.Input((len(edges),)), linear, keras.layers.ReLU(max_value=1), keras.layers.Flatten()], name="encoder"
    )
    linear.set_weights([kernel, bias])
    return model


def build_model(config: Config) -> keras.Model:
    """Builds the encoder of the training features, hidden layers and one output unit."""
    features, prices = build_data(config)["train"]
    model = keras.Sequential([keras.Input((features.shape[1],)), encoder(features, config.bins)])
    for units in config.units:
        model.add(keras.layers.Dense(units, "relu", kernel_initializer="he_normal"))
        model.add(keras.layers.Dropout(config.dropout))
    model.add(keras.layers.Dense(1, bias_initializer=keras.initializers.Constant(float(prices.mean()))))
    return model


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with mean squared error loss and the AdamW optimizer."""
    return Trainer(
        build_model(config),
        optimizer=AdamW(CosineDecay(config.learning_rate, "100%"), weight_decay=config.weight_decay),
        loss="mean_squared_error",
        metrics=["mean_squared_error"],
        jit=config.jit,
    )


if __name__ == "__main__":
    run_script(__file__)
