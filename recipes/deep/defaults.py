"""How much do two default configurations of deep networks improve on a plain one, on 10,000 images of Fashion-MNIST?

Data: 10,000 training images of Fashion-MNIST, 5,000 validation and 10,000 test images
Command: tensorsmith run deep/defaults

Comparison: tensorsmith compare deep/defaults --parallel 2

`he_elu` has He initialization, batch normalization before ELU, l2 regularization and the 1cycle policy;
`self_normalizing` has LeCun initialization, SELU, alpha dropout, standardized inputs and the 1cycle policy; `plain` has
Glorot initialization, ReLU and a constant rate. The inputs of all three are standardized (Géron, 2019, tables 11-3 and
11-4).
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
from jsonargparse.typing import PositiveFloat, PositiveInt
from keras import layers

import tensorsmith.tuning as tune
from tensorsmith.data import load_splits
from tensorsmith.optimizers import SGD
from tensorsmith.recipes import TrainingSettings, run_script
from tensorsmith.schedules import OneCycle
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    kind: Literal["plain", "he_elu", "self_normalizing"] = "he_elu"  # configuration, see below
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 0.1, default=0.03)  # highest learning rate of SGD
    hidden_layers: PositiveInt = tune.integer(2, 10, default=5)  # number of hidden layers
    units: PositiveInt = 100  # units of each hidden layer
    epochs: PositiveInt = 20
    train_size: PositiveInt = 10_000  # number of training examples


SCORE = "test accuracy"
ANSWER = """The gains in accuracy over plain are {gain[self_normalizing]} for self_normalizing and {gain[he_elu]} for
he_elu ({ranking}; {seeds} seeds)."""
SMOKE = {"epochs": 1, "train_size": 640}
VARIANTS = {name: {"kind": name} for name in ("plain", "he_elu", "self_normalizing")}
GRID = {"learning_rate": (0.003, 0.01, 0.03, 0.1)}
COLUMNS = ("test log_loss",)


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28), standardized with the statistics of each pixel, and labels from 0 to 9."""
    splits = load_splits("fashion_mnist", train_size=config.train_size)
    mean, deviation = splits["train"][0].mean(axis=0), splits["train"][0].std(axis=0) + 1e-3
    return {split: ((images - mean) / deviation, labels) for split, (images, labels) in splits.items()}


def build_model(config: Config) -> keras.Model:
    """Builds a classifier with hidden layers of equal width."""
    regularizer = keras.regularizers.L2(1e-4)
    model = keras.Sequential([keras.Input((28, 28)), layers.Flatten()])
    for _ in range(config.hidden_layers):
        if config.kind == "plain":
            model.add(layers.Dense(config.units, "relu"))
        elif config.kind == "self_normalizing":
            model.add(layers.AlphaDropout(0.05))
            model.add(layers.Dense(config.units, "selu", kernel_initializer="lecun_normal"))
        else:
            dense = layers.Dense(
                config.units, use_bias=False, kernel_initializer="he_normal", kernel_regularizer=regularizer
            )
            for layer in (dense, layers.BatchNormalization(), layers.Activation("elu")):
                model.add(layer)
    model.add(layers.Dense(10, "softmax"))
    return model


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss and SGD with momentum: a constant rate, or the 1cycle policy."""
    rate = config.learning_rate
    optimizer = SGD(rate if config.kind == "plain" else OneCycle(rate / 10, rate, "100%"), momentum=0.9)
    metrics = ["accuracy", keras.metrics.SparseCategoricalCrossentropy(name="log_loss")]
    return Trainer(build_model(config), optimizer, "sparse_categorical_crossentropy", metrics, jit=config.jit)


if __name__ == "__main__":
    run_script(__file__)
