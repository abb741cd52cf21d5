"""What does each augmentation bring a small convolutional network on 2,000 images of Fashion-MNIST?

Data: the first 2,000 training images of Fashion-MNIST, 5,000 validation and 10,000 test images
Command: tensorsmith run vision/augmentation

Comparison: tensorsmith compare vision/augmentation

`combined` is flip, shift, zoom and erase. Each augmentation has a weak and a strong form, one of which was chosen on
validation data.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from jsonargparse.typing import PositiveFloat, PositiveInt
from keras import layers

import tensorsmith.tuning as tune
from tensorsmith.core.types import Dataset
from tensorsmith.data import load_splits
from tensorsmith.data.pipelines import cutmix, map_with_seed, mixup
from tensorsmith.image import augment
from tensorsmith.recipes import TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer

Name = Literal["none", "flip", "shift", "rotate", "zoom", "colors", "erase", "mixup", "cutmix", "combined"]


@dataclass(frozen=True)
class Config(TrainingSettings):
    augmentation: Name = "combined"  # change of the training images, see `augmented`
    strength: Literal["weak", "strong"] = tune.choice(["weak", "strong"])  # of the augmentation; flips have only one
    filters: tuple[PositiveInt, ...] = (16, 32)  # filters per block of convolution, ReLU and pooling
    units: PositiveInt = 64  # units of the hidden dense layer
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=2e-3)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 40
    batch_size: PositiveInt = 64
    train_size: PositiveInt = 2_000  # number of training examples


SCORE = "test accuracy"
ANSWER = """Shifting is best, with a gain in accuracy of {gain[shift]} over none ({ranking}; {seeds} seeds). Most of
all, augmentation lowers the loss: from {column[none/test loss]} to {column[combined/test loss]} for combined."""
SMOKE = {"epochs": 1, "train_size": 320, "filters": (8, 8)}
VARIANTS = {name: {"augmentation": name} for name in Name.__args__}
GRID = {"strength": ("weak", "strong")}
COMBINED = ("flip", "shift", "zoom", "erase")
COLUMNS = ("test loss",)


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28, 1) in [0, 1] and one-hot labels. The training images are augmented."""
    splits = load_splits("fashion_mnist", train_size=config.train_size)
    data = {
        split: (images[..., None], np.eye(10, dtype=np.float32)[labels]) for split, (images, labels) in splits.items()
    }
    shuffled = tf.data.Dataset.from_tensor_slices(data["train"]).shuffle(config.train_size, seed=config.seed)
    return {**data, "train": augmented(shuffled.batch(config.batch_size), config)}


def augmented(batches: Dataset, config: Config) -> Dataset:
    """Returns batches of images and one-hot labels after an augmentation."""
    seed, strong = config.seed, config.strength == "strong"
    if config.augmentation == "none":
        return batches
    if config.augmentation == "mixup":
        return batches.apply(mixup(0.4 if strong else 0.1, seed=seed))
    if config.augmentation == "cutmix":
        return batches.apply(cutmix(1.0 if strong else 0.2, seed=seed))
    erased_area = (0.02, 0.2) if strong else (0.02, 0.05)
    functions = {
        "flip": augment.random_flip(),
        "shift": augment.random_affine(translation=0.1 if strong else 0.04),
        "rotate": augment.random_affine(rotation=15 if strong else 5),
        "zoom": augment.random_affine(zoom=(0.8, 1.25) if strong else (0.9, 1.1)),
        "colors": augment.random_color_jitter(brightness=0.1, contrast=0.4 if strong else 0.1),
        "erase": augment.keras_layer(keras.layers.RandomErasing(1.0, scale=erased_area, value_range=(0, 1))),
    }
    combined = config.augmentation == "combined"
    change = augment.chain(*(functions[name] for name in (COMBINED if combined else (config.augmentation,))))
    return batches.apply(map_with_seed(lambda seed, images, labels: (change(seed, images), labels), seed=seed))


def build_model(config: Config) -> keras.Model:
    """Builds blocks of convolution, ReLU and pooling, followed by two dense layers."""
    model = keras.Sequential([keras.Input((28, 28, 1))])
    for filters in config.filters:
        model.add(layers.Conv2D(filters, 3, activation="relu", padding="same", kernel_initializer="he_normal"))
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dense(config.units, "relu", kernel_initializer="he_normal"))
    model.add(layers.Dense(10, "softmax"))
    return model


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss and the Adam optimizer."""
    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"))
    return Trainer(build_model(config), optimizer, "categorical_crossentropy", ["accuracy"], jit=config.jit)


if __name__ == "__main__":
    run_script(__file__)
