"""Which techniques train a network of 20 hidden layers on 10,000 images of Fashion-MNIST best?

Data: 10,000 training images of Fashion-MNIST, 5,000 validation and 10,000 test images
Command: tensorsmith run deep/twenty_layers

Comparison: tensorsmith compare deep/twenty_layers --parallel 2

`mc_accuracy` is the accuracy of means over random passes with alpha dropout. `epochs_to_target` is the number of epochs
until the validation accuracy is 0.83. Runs that do not reach it count as 16 epochs, a lower bound. `--data cifar10`
trains on CIFAR-10, for which this study was proposed (Géron, 2019, chapter 11, exercise 8); it needs TensorFlow
Datasets and network access, and has not been measured.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import keras
import numpy as np
from jsonargparse.typing import PositiveFloat, PositiveInt
from keras import layers

import tensorsmith.tuning as tune
from tensorsmith.data import load, load_splits
from tensorsmith.layers import to_monte_carlo
from tensorsmith.optimizers import SGD
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import OneCycle
from tensorsmith.training import Trainer

Name = Literal["plain", "batch_normalization", "selu", "alpha_dropout", "one_cycle"]


@dataclass(frozen=True)
class Config(TrainingSettings):
    technique: Name = "one_cycle"  # change to the plain network, which has ELU, He initialization and Nadam
    data: Literal["fashion_mnist", "cifar10"] = "fashion_mnist"  # data set; cifar10 is obtained from TFDS
    learning_rate: PositiveFloat = tune.log_uniform(1e-5, 0.1, default=1e-2)  # learning rate, of one_cycle the highest
    hidden_layers: PositiveInt = 20  # number of hidden layers
    units: PositiveInt = 100  # units of each hidden layer
    epochs: PositiveInt = 15
    train_size: PositiveInt = 10_000  # number of training examples


SCORE = "test accuracy"
ANSWER = """The 1cycle schedule is best, with a gain of {gain[one_cycle]} over plain ({ranking}; {seeds} seeds), but it
is the slowest to reach the target: after {column[one_cycle/validation epochs_to_target]} epochs, compared with
{column[selu/validation epochs_to_target]} for selu."""
SMOKE = {"hidden_layers": 2, "epochs": 1, "train_size": 640}
VARIANTS = {name: {"technique": name} for name in get_args(Name)}
GRID = {"learning_rate": (1e-4, 3e-4, 1e-3, 1e-2)}
COLUMNS = ("test mc_accuracy", "validation epochs_to_target", "validation reached_target")
TARGET = 0.83  # validation accuracy


def build_data(config: Config) -> dict[str, Any]:
    """Loads images in [0, 1], of shape (n, 28, 28) or (n, 32, 32, 3), and labels from 0 to 9."""
    if config.data == "fashion_mnist":
        return load_splits("fashion_mnist", train_size=config.train_size)
    ranges = {"train": f"train[:{config.train_size}]", "validation": "train[45000:]", "test": "test"}
    parts = {split: load("cifar10", split=taken, source="tfds") for split, taken in ranges.items()}
    return {split: (part.features, part.labels) for split, part in parts.items()}


def build_model(config: Config) -> keras.Model:
    """Builds hidden layers of equal width. By default, the plain one has 500,210 parameters for CIFAR-10."""
    selu = config.technique in ("selu", "alpha_dropout")
    model = keras.Sequential([keras.Input((32, 32, 3) if config.data == "cifar10" else (28, 28)), layers.Flatten()])
    for _ in range(config.hidden_layers):
        model.add(layers.Dense(config.units, kernel_initializer="lecun_normal" if selu else "he_normal"))
        if config.technique == "batch_normalization":
            model.add(layers.BatchNormalization())
        model.add(layers.Activation("selu" if selu else "elu"))
    if config.technique == "alpha_dropout":
        model.add(layers.AlphaDropout(0.1))
    model.add(layers.Dense(10, "softmax"))
    return model


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss and Nadam, or SGD with momentum and the 1cycle policy."""
    rate = config.learning_rate
    if config.technique == "one_cycle":
        optimizer = SGD(OneCycle(rate / 10, rate, "100%"), momentum=0.9)
    else:
        optimizer = keras.optimizers.Nadam(rate)
    return Trainer(build_model(config), optimizer, "sparse_categorical_crossentropy", ["accuracy"], jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the number of epochs to the target, and with dropout the accuracy of means over 10 random passes."""
    reached = [epoch for epoch, accuracy in enumerate(run.history["val_accuracy"], start=1) if accuracy >= TARGET]
    speed = {"epochs_to_target": min([*reached, config.epochs + 1]), "reached_target": float(bool(reached))}
    scores: dict[str, Any] = {"validation": speed}
    if config.technique == "alpha_dropout":
        random = to_monte_carlo(trainer.model)
        images, labels = data["test"]
        mean = sum(random.predict(images, batch_size=1000, verbose=0) for _ in range(10))
        scores["test"] = {"mc_accuracy": float(np.mean(mean.argmax(axis=1) == labels))}
    return scores


if __name__ == "__main__":
    run_script(__file__)
