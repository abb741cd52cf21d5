"""Fashion-MNIST with a regularized dense network: batch normalization, dropout, flips and weight decay.

Data: Fashion-MNIST, 55,000 / 5,000 / 10,000 images of 28x28 pixels in 10 classes (Zalando, MIT)
Command: tensorsmith run mlp/fashion_mnist_regularized

The flips are part of the model, and active only in training. `--jit true` draws other random numbers.
"""

from dataclasses import dataclass
from typing import Any

import keras
from jsonargparse.typing import ClosedUnitInterval, NonNegativeFloat, PositiveFloat, PositiveInt
from keras import layers

import tensorsmith.tuning as tune
from tensorsmith.data import load_splits
from tensorsmith.optimizers import AdamW
from tensorsmith.recipes import TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay, Warmup
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    units: tuple[PositiveInt, ...] = (512, 512, 512)  # units of each hidden layer
    dropout: ClosedUnitInterval = tune.uniform(0.0, 0.5, default=0.3)  # dropout rate after each hidden layer
    flip: bool = True  # whether images are flipped horizontally at random
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=3e-3)  # highest learning rate of AdamW
    weight_decay: NonNegativeFloat = 0.05  # weight decay of AdamW
    epochs: PositiveInt = 30
    batch_size: PositiveInt = 128
    train_size: PositiveInt = 55_000  # number of training examples


SCORE = "test accuracy"
SMOKE = {"epochs": 1, "train_size": 2560, "units": (64,)}


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28) in [0, 1] and labels from 0 to 9."""
    return load_splits("fashion_mnist", train_size=config.train_size)


def build_model(config: Config) -> keras.Model:
    """Builds blocks of a dense layer, batch normalization, ReLU and dropout."""
    model = keras.Sequential([keras.Input((28, 28)), layers.Reshape((28, 28, 1))])
    if config.flip:
        model.add(layers.RandomFlip("horizontal"))
    model.add(layers.Flatten())
    for units in config.units:
        model.add(layers.Dense(units, use_bias=False, kernel_initializer="he_normal"))
        model.add(layers.BatchNormalization())
        model.add(layers.ReLU())
        model.add(layers.Dropout(config.dropout))
    model.add(layers.Dense(10, "softmax"))
    return model


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss and AdamW with a warm-up and a cosine schedule."""
    rate = Warmup(CosineDecay(config.learning_rate, "90%"), "10%")
    return Trainer(
        build_model(config),
        optimizer=AdamW(rate, weight_decay=config.weight_decay),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit=config.jit,
    )


if __name__ == "__main__":
    run_script(__file__)
