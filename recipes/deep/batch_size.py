"""Do large batches with a warm-up of the learning rate reach the accuracy of small ones on Fashion-MNIST?

Data: Fashion-MNIST, 55,000 / 5,000 / 10,000 images of 28x28 pixels in 10 classes
Command: tensorsmith run deep/batch_size

Comparison: tensorsmith compare deep/batch_size --parallel 2

The number of epochs is the same for all batch sizes, so that batches of 8,192 images have 70 steps. The learning rates
were chosen on validation data.
"""

from dataclasses import dataclass
from typing import Any

import keras
from jsonargparse.typing import PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.data import load_splits
from tensorsmith.optimizers import SGD
from tensorsmith.recipes import TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay, Warmup
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    warmup: bool = False  # linear warm-up of the learning rate during the first tenth of the run
    learning_rate: PositiveFloat = tune.log_uniform(3e-3, 1.0, default=0.01)  # initial learning rate of SGD
    units: tuple[PositiveInt, ...] = (300, 100)  # units of each hidden ReLU layer
    train_size: PositiveInt = 55_000  # number of training examples


SCORE = "test accuracy"
ANSWER = """No: compared with batches of 32 images, the accuracy changes by {gain[512]} with 512 images and by
{gain[8192]} with 8,192. With warm-up, these are {gain[512_warmup]} and {gain[8192_warmup]} ({seeds} seeds)."""
SMOKE = {"epochs": 1, "train_size": 16_384}
VARIANTS = {
    "32": {},
    **{f"{size}{name}": {"batch_size": size, "warmup": bool(name)} for size in (512, 8192) for name in ("", "_warmup")},
}
GRID = {"learning_rate": (0.01, 0.03, 0.1, 0.3)}


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28) in [0, 1] and labels from 0 to 9."""
    return load_splits("fashion_mnist", train_size=config.train_size)


def build_model(config: Config) -> keras.Model:
    """Builds a classifier with hidden ReLU layers."""
    hidden = [keras.layers.Dense(units, "relu", kernel_initializer="he_normal") for units in config.units]
    return keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), *hidden, keras.layers.Dense(10, "softmax")])


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss and SGD with momentum, optional warm-up and cosine decay."""
    rate = config.learning_rate
    schedule = Warmup(CosineDecay(rate, "90%"), "10%") if config.warmup else CosineDecay(rate, "100%")
    optimizer = SGD(schedule, momentum=0.9)
    return Trainer(build_model(config), optimizer, "sparse_categorical_crossentropy", ["accuracy"], jit=config.jit)


if __name__ == "__main__":
    run_script(__file__)
