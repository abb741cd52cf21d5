"""Does a stacked autoencoder need separate weights in its decoder?

Data: Fashion-MNIST, 55,000 / 5,000 / 10,000 images of 28x28 pixels, labels are not used (Zalando, MIT)
Command: tensorsmith run autoencoder/tied

Comparison: tensorsmith compare autoencoder/tied --parallel 2

With tied weights, each layer of the decoder uses the transposed kernel of a layer of the encoder and adds a separate
bias: 82,414 parameters in place of 163,814 (Géron, 2019, chapter 17, where the error of tied weights is very
slightly lower).
"""

from dataclasses import dataclass
from typing import Any

import keras
from jsonargparse.typing import PositiveFloat, PositiveInt
from keras import layers

import tensorsmith.tuning as tune
from tensorsmith.data import load
from tensorsmith.layers import DenseTranspose
from tensorsmith.recipes import TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    tied: bool = True  # use the transposed kernels of the encoder in the decoder
    units: tuple[PositiveInt, ...] = (100, 30)  # units of the encoder's layers (SELU); the last ones are the code
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=1e-3)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 10
    batch_size: PositiveInt = 50
    train_size: PositiveInt = 55_000  # number of training images


SCORE = "test mean_squared_error"
SMOKE = {"epochs": 1, "train_size": 2000}
ANSWER = """No: the squared error of tied weights, {score[tied]}, differs by {gain[tied]} from that of separate weights,
with half of the parameters ({seeds} seeds)."""
VARIANTS = {"untied": {"tied": False}, "tied": {"tied": True}}


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28) in [0, 1], which are both inputs and targets."""
    images = {split: load("fashion_mnist", split=split).features for split in ("train", "validation", "test")}
    images["train"] = images["train"][: config.train_size]
    return {split: (part, part) for split, part in images.items()}


def build_model(config: Config) -> keras.Model:
    """Builds an autoencoder as a single functional model, which Keras can save with tied weights."""
    inputs = keras.Input((28, 28))
    x = layers.Flatten()(inputs)
    encoder = [layers.Dense(units, "selu", kernel_initializer="lecun_normal") for units in config.units]
    for layer in encoder:
        x = layer(x)
    sizes = [28 * 28, *config.units[:-1]]
    for layer, size in zip(reversed(encoder), reversed(sizes), strict=True):
        activation = "sigmoid" if size == 28 * 28 else "selu"
        if config.tied:
            x = DenseTranspose(layer, activation)(x)
        else:
            x = layers.Dense(size, activation, kernel_initializer="lecun_normal")(x)
    return keras.Model(inputs, layers.Reshape((28, 28))(x))


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer that minimizes the binary cross-entropy of the pixels."""
    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"))
    return Trainer(build_model(config), optimizer, "binary_crossentropy", ["mean_squared_error"], jit=config.jit)


if __name__ == "__main__":
    run_script(__file__)
