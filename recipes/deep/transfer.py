"""Do the lower layers of a classifier of eight classes help to tell two other classes apart, with 200 labels?

Data: Fashion-MNIST, 200 training images of two classes, their validation and test images; 10,000 of the other classes
Command: tensorsmith run deep/transfer

Comparison: tensorsmith compare deep/transfer --seeds 10 --parallel 2

Each seed has its own pair of classes. That of seed 0 is sandal and shirt, for which Géron (2019, chapter 11) reports an
error four times smaller, and warns that the pair was chosen for its result.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from jsonargparse.typing import NonNegativeInt, PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.data import load, load_splits
from tensorsmith.optimizers import SGD, MultiOptimizer
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import PiecewiseConstant
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    reuse: Literal["none", "frozen", "fine_tuned"] = "fine_tuned"  # use of the layers of the first classifier
    labels: PositiveInt = 200  # number of training images of the two classes
    pretraining_size: PositiveInt = 10_000  # number of training images of the other classes
    pretraining_epochs: PositiveInt = 10  # passes of the first classifier over its training set
    learning_rate: PositiveFloat = tune.log_uniform(1e-4, 0.1, default=0.01)  # learning rate of SGD with momentum 0.9
    epochs: PositiveInt = 40  # passes over the training set; reused layers are frozen during the first fifth
    seed: NonNegativeInt = 0  # random seed of initial weights and shuffling, which also chooses the classes


SCORE = "test accuracy"
ANSWER = """No: over {seeds} pairs of classes, the mean gain in accuracy is {gain[fine_tuned]} with fine-tuned and
{gain[frozen]} with frozen layers."""
SMOKE = {"pretraining_size": 640, "pretraining_epochs": 1, "epochs": 2}
VARIANTS = {name: {"reuse": name} for name in ("none", "frozen", "fine_tuned")}
UNITS = (300, 100, 50, 50, 50)  # units of each hidden SELU layer
PAIRS = ((5, 6), (0, 6), (2, 4), (1, 3), (7, 9), (3, 4), (5, 9), (0, 2), (8, 1), (4, 6))  # of the seeds 0 to 9


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    """Trains the classifier of the eight other classes."""
    trainer = trainer_of(build_classifier(8), config, reuse="none")
    data = {"train": other_classes(config)}
    run.train("classifier", trainer, data, epochs=config.pretraining_epochs, batch_size=config.batch_size)
    return {"classifier": trainer.model}


def build_data(config: Config, prepared: dict[str, Any]) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28) in [0, 1] of two classes, and labels 0 and 1."""
    pair = PAIRS[config.seed % len(PAIRS)]
    splits = {}
    for split, (images, labels) in load_splits("fashion_mnist").items():
        chosen = np.flatnonzero(np.isin(labels, pair))[: config.labels if split == "train" else None]
        splits[split] = (images[chosen], (labels[chosen] == pair[1]).astype("int32"))
    return splits


def other_classes(config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Returns training images of the eight other classes, and labels from 0 to 7."""
    train, pair = load("fashion_mnist"), PAIRS[config.seed % len(PAIRS)]
    chosen = np.flatnonzero(~np.isin(train.labels, pair))[: config.pretraining_size]
    _, labels = np.unique(train.labels[chosen], return_inverse=True)
    return train.features[chosen], labels


def build_classifier(classes: int) -> keras.Model:
    """Builds hidden SELU layers and a softmax layer."""
    hidden = [keras.layers.Dense(units, "selu", kernel_initializer="lecun_normal") for units in UNITS]
    head = keras.layers.Dense(classes, "softmax", name="head")
    return keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), *hidden, head])


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    """Builds a classifier of two classes, with the hidden layers of the classifier of the other classes."""
    model = build_classifier(2)
    if config.reuse != "none":
        for layer, trained in zip(model.layers[:-1], prepared["classifier"].layers[:-1], strict=True):
            layer.set_weights(trained.get_weights())
    return model


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer of the classifier of two classes."""
    return trainer_of(build_model(config, prepared), config, config.reuse)


def trainer_of(model: keras.Model, config: Config, reuse: str) -> Trainer:
    """Returns a trainer with cross-entropy loss and SGD, whose learning rate is 0 for layers that are frozen."""
    rate = config.learning_rate
    lower = {"none": rate, "frozen": 0.0, "fine_tuned": PiecewiseConstant(["20%"], [0.0, rate / 10])}[reuse]
    *hidden, head = [layer for layer in model.layers if layer.weights]
    optimizer = MultiOptimizer([(SGD(lower, momentum=0.9), hidden), (SGD(rate, momentum=0.9), head)])
    return Trainer(model, optimizer, "sparse_categorical_crossentropy", ["accuracy"], jit=config.jit)


if __name__ == "__main__":
    run_script(__file__)
