"""Handwritten digits with a small ReLU network: a minimal recipe that needs no download.

Data: scikit-learn's bundled digits, 1,797 images of 8x8 pixels in 10 classes
Command: tensorsmith run mlp/digits
"""

from dataclasses import dataclass
from typing import Any

import keras
from jsonargparse.typing import PositiveFloat, PositiveInt
from keras import layers

import tensorsmith.tuning as tune
from tensorsmith.data import info, load_splits
from tensorsmith.optimizers import SGD
from tensorsmith.recipes import TrainingSettings, run_script
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    units: tuple[PositiveInt, ...] = tune.choice([(100, 50), (100,), (30,)])  # units of each hidden ReLU layer
    learning_rate: PositiveFloat = tune.log_uniform(0.01, 0.3, default=0.1)  # learning rate of SGD with momentum 0.9
    data: str = "digits"  # data set of images, or path of a folder with a subfolder for each class
    epochs: PositiveInt = 40


SCORE = "test accuracy"
SMOKE = {"epochs": 2}


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 8, 8) in [0, 1] and labels, which are 0 to 9 by default."""
    return load_splits(config.data, image_shape=(8, 8))


def build_model(config: Config) -> keras.Model:
    """Builds hidden layers on the flattened images, followed by a softmax layer."""
    classes = len(info(config.data).class_names)
    hidden = [layers.Dense(units, "relu", kernel_initializer="he_normal") for units in config.units]
    return keras.Sequential([keras.Input((8, 8)), layers.Flatten(), *hidden, layers.Dense(classes, "softmax")])


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss and the SGD optimizer with momentum."""
    return Trainer(
        build_model(config),
        optimizer=SGD(config.learning_rate, momentum=0.9),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit=config.jit,
    )


if __name__ == "__main__":
    run_script(__file__)
