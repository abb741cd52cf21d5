"""Fashion-MNIST with a convolutional network: batch normalization, max pooling and dropout.

Data: Fashion-MNIST, 55,000 / 5,000 / 10,000 images of 28x28 pixels in 10 classes (Zalando, MIT)
Command: tensorsmith run cnn/fashion_mnist

`--size classic` is a network of 1.4 million parameters with two convolutions per block and without normalization, as in
textbooks (Géron, 2019, chapter 14). It takes much longer.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt
from keras import layers

import tensorsmith.tuning as tune
from tensorsmith.data import info, load_splits
from tensorsmith.recipes import TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    size: Literal["small", "classic"] = "small"  # network, see above
    filters: tuple[PositiveInt, ...] = (32, 64)  # filters per block of convolution, batch normalization, ReLU, pooling
    units: PositiveInt = 128  # units of the hidden dense layer
    dropout: ClosedUnitInterval = tune.uniform(0.0, 0.6, default=0.4)  # dropout rate before each dense layer
    learning_rate: PositiveFloat = tune.log_uniform(
        3e-4, 1e-2, default=2e-3
    )  # initial learning rate of Adam, with cosine decay to 0
    data: str = "fashion_mnist"  # data set of images, or path of a folder with a subfolder for each class
    epochs: PositiveInt = 12
    batch_size: PositiveInt = 64
    train_size: PositiveInt | None = None  # number of training examples; null for all of them


SCORE = "test accuracy"
SMOKE = {"epochs": 1, "train_size": 1280, "filters": (8, 8)}


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28, 1) in [0, 1] and labels, which are 0 to 9 by default."""
    return load_splits(config.data, train_size=config.train_size, image_shape=(28, 28, 1))


def build_model(config: Config) -> keras.Model:
    """Builds convolutional blocks that halve the image size, followed by dense layers."""
    classes = len(info(config.data).class_names)
    model = keras.Sequential([keras.Input((28, 28, 1))])
    if config.size == "classic":
        for filters, kernel, count in ((64, 7, 1), (128, 3, 2), (256, 3, 2)):
            for _ in range(count):
                model.add(layers.Conv2D(filters, kernel, 1, "same", activation="relu", kernel_initializer="he_normal"))
            model.add(layers.MaxPooling2D())
        model.add(layers.Flatten())
        for units in (128, 64):
            model.add(layers.Dense(units, "relu", kernel_initializer="he_normal"))
            model.add(layers.Dropout(0.5))
        model.add(layers.Dense(classes, "softmax"))
        return model
    for filters in config.filters:
        model.add(layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal"))
        model.add(layers.BatchNormalization())
        model.add(layers.ReLU())
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dropout(config.dropout))
    model.add(layers.Dense(config.units, "relu", kernel_initializer="he_normal"))
    model.add(layers.Dropout(config.dropout))
    model.add(layers.Dense(classes, "softmax"))
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


if __name__ == "__main__":
    run_script(__file__)
