"""Do the lower and the upper layer of a Fashion-MNIST classifier need optimizers of their own?

Data: Fashion-MNIST, 55,000 / 5,000 / 10,000 images of 28x28 pixels in 10 classes (Zalando, MIT)
Command: tensorsmith run custom/two_optimizers

Comparison: tensorsmith compare custom/two_optimizers --seeds 3 --parallel 2

The upper layer is trained with Nadam in all variants, and the lower one with Nadam or with SGD without momentum. One
pass through the network computes all gradients, and `MultiOptimizer` passes each gradient to the optimizer of its
layer. The network with 79,510 parameters and the rates 0.0001 and 0.001 are those of an exercise of Géron (2019,
chapter 12).
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
from jsonargparse.typing import PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.data import load_splits
from tensorsmith.optimizers import SGD, MultiOptimizer
from tensorsmith.recipes import TrainingSettings, run_script
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    lower: Literal["nadam", "sgd"] = "sgd"  # optimizer of the lower layer
    lower_rate: PositiveFloat = tune.log_uniform(1e-4, 0.3, default=0.1)  # learning rate of the lower layer
    upper_rate: PositiveFloat = tune.log_uniform(1e-4, 1e-2, default=1e-3)  # learning rate of the upper layer (Nadam)
    units: PositiveInt = 100  # units of the lower layer (ReLU)
    epochs: PositiveInt = 5
    train_size: PositiveInt = 55_000  # number of training examples


SCORE = "test accuracy"
ANSWER = """No. Nadam for both layers reaches an accuracy of {score[nadam]}. With SGD for the lower layer, it is
{score[sgd_0.0001]}, {score[sgd_0.01]} and {score[sgd_0.1]} for three learning rates ({seeds} seeds)."""
SMOKE = {"epochs": 1, "train_size": 3200}
VARIANTS = {
    "nadam": {"lower": "nadam", "lower_rate": 1e-3},
    "sgd_0.0001": {"lower_rate": 1e-4},
    "sgd_0.01": {"lower_rate": 0.01},
    "sgd_0.1": {"lower_rate": 0.1},
}


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28) in [0, 1] and labels from 0 to 9."""
    return load_splits("fashion_mnist", train_size=config.train_size)


def build_model(config: Config) -> keras.Model:
    """Builds a network with the layers `lower` and `upper`."""
    lower = keras.layers.Dense(config.units, "relu", name="lower")
    upper = keras.layers.Dense(10, "softmax", name="upper")
    return keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), lower, upper])


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with an optimizer for each layer."""
    model = build_model(config)
    lower = SGD(config.lower_rate) if config.lower == "sgd" else keras.optimizers.Nadam(config.lower_rate)
    upper = keras.optimizers.Nadam(config.upper_rate)
    return Trainer(
        model,
        optimizer=MultiOptimizer([(lower, model.get_layer("lower")), (upper, model.get_layer("upper"))]),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit=config.jit,
    )


if __name__ == "__main__":
    run_script(__file__)
