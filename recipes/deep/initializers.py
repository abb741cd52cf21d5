"""How much do the initial weights of a deep ReLU network matter on Fashion-MNIST, with and without normalization?

Data: 10,000 training images of Fashion-MNIST, 5,000 validation and 10,000 test images
Command: tensorsmith run deep/initializers

Comparison: tensorsmith compare deep/initializers --parallel 2

With normal weights of standard deviation 1, the loss becomes NaN with all learning rates, unless there is batch
normalization (`normal_bn`). With weights of 0, all units of a layer stay equal.
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
from tensorsmith.training import Trainer

Name = Literal["zeros", "normal", "glorot_normal", "lecun_normal", "he_normal", "orthogonal"]


@dataclass(frozen=True)
class Config(TrainingSettings):
    initializer: Name = "he_normal"  # initializer of the hidden kernels; "normal" has a standard deviation of 1
    batch_normalization: bool = False  # batch normalization before each hidden activation
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 0.1, default=3e-3)  # learning rate of SGD with momentum 0.9
    hidden_layers: PositiveInt = tune.integer(2, 20, default=10)  # number of hidden ReLU layers
    units: PositiveInt = 100  # units of each hidden layer
    train_size: PositiveInt = 10_000  # number of training examples


SCORE = "test accuracy"
ANSWER = """The accuracies are {ranking} ({seeds} seeds), and normal diverges. Compared with he_normal, the accuracy
changes by {gain[glorot_normal]} with glorot_normal and by {gain[he_normal_bn]} with batch normalization, and networks
with weights of 0 do not learn."""
SMOKE = {"epochs": 1, "train_size": 640}
NAMES = ("he_normal", "lecun_normal", "glorot_normal", "orthogonal", "normal", "zeros")
VARIANTS = {
    **{name: {"initializer": name} for name in NAMES},
    **{f"{name}_bn": {"initializer": name, "batch_normalization": True} for name in ("he_normal", "normal")},
}
GRID = {"learning_rate": (0.003, 0.01, 0.03)}


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28) in [0, 1] and labels from 0 to 9."""
    return load_splits("fashion_mnist", train_size=config.train_size)


def build_model(config: Config) -> keras.Model:
    """Builds hidden ReLU layers of equal width, with biases of 0."""
    model = keras.Sequential([keras.Input((28, 28)), layers.Flatten()])
    normal = keras.initializers.RandomNormal(stddev=1.0)
    for _ in range(config.hidden_layers):
        initializer = normal.clone() if config.initializer == "normal" else config.initializer
        model.add(layers.Dense(config.units, kernel_initializer=initializer))
        if config.batch_normalization:
            model.add(layers.BatchNormalization())
        model.add(layers.ReLU())
    model.add(layers.Dense(10, "softmax"))
    return model


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss and the SGD optimizer with momentum."""
    optimizer = SGD(config.learning_rate, momentum=0.9)
    return Trainer(build_model(config), optimizer, "sparse_categorical_crossentropy", ["accuracy"], jit=config.jit)


if __name__ == "__main__":
    run_script(__file__)
