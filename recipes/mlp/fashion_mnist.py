"""Fashion-MNIST with two hidden ReLU layers, SGD without momentum and a cosine schedule.

Data: Fashion-MNIST, 55,000 / 5,000 / 10,000 images of 28x28 pixels in 10 classes (Zalando, MIT)
Command: tensorsmith run mlp/fashion_mnist

Comparison: tensorsmith compare mlp/fashion_mnist

The textbook settings are a constant rate of 0.01, with which Géron (2019, chapter 10) prints an accuracy of 0.8851. The
curves of such runs are compared with `tensorboard --logdir runs`.

Search: tensorsmith tune mlp/fashion_mnist --tuner hyperband --trials 20 --epochs 9 --parallel 2
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
from jsonargparse.typing import PositiveFloat, PositiveInt
from keras import layers

import tensorsmith.tuning as tune
from tensorsmith.data import info, load_splits
from tensorsmith.optimizers import SGD
from tensorsmith.recipes import TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    units: tuple[PositiveInt, ...] = tune.choice([(300, 100), (300,), (100, 100)])  # units of each hidden ReLU layer
    learning_rate: PositiveFloat = tune.log_uniform(0.01, 0.3, default=0.1)  # initial learning rate of SGD
    schedule: Literal["cosine", "constant"] = "cosine"  # learning rate schedule: cosine decay to 0, or constant
    data: str = "fashion_mnist"  # data set of images, or path of a folder with a subfolder for each class
    epochs: PositiveInt = 30
    train_size: PositiveInt | None = None  # number of training examples; null for all of them


SCORE = "test accuracy"
ANSWER = """The settings of this recipe reach an accuracy of {score[mlp]}, the textbook settings {score[textbook]}, and
softmax regression {score[softmax_regression]} ({seeds} seeds)."""
SMOKE = {"epochs": 1, "train_size": 3200}
VARIANTS = {
    "mlp": {},
    "textbook": {"schedule": "constant", "learning_rate": 0.01},
    "softmax_regression": {"units": ()},
    "rate_0.001": {"schedule": "constant", "learning_rate": 0.001},
    "rate_0.05": {"schedule": "constant", "learning_rate": 0.05},
}


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28) in [0, 1] and labels, which are 0 to 9 by default."""
    return load_splits(config.data, train_size=config.train_size, image_shape=(28, 28))


def build_model(config: Config) -> keras.Model:
    """Builds a classifier with two hidden layers. It has 266,610 parameters by default."""
    classes = len(info(config.data).class_names)
    hidden = [layers.Dense(units, "relu") for units in config.units]
    return keras.Sequential([keras.Input((28, 28)), layers.Flatten(), *hidden, layers.Dense(classes, "softmax")])


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss and the SGD optimizer."""
    rate = config.learning_rate
    return Trainer(
        build_model(config),
        optimizer=SGD(CosineDecay(rate, "100%") if config.schedule == "cosine" else rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit=config.jit,
    )


if __name__ == "__main__":
    run_script(__file__)
