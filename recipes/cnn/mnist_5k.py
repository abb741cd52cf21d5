"""How accurate is a convolutional network with 3,500 handwritten digits, and what does augmentation add?

Data: 5,000 digits of MNIST, 500 per class, in five folds of which the seed chooses one as test set (BSD-3-Clause)
Command: tensorsmith run cnn/mnist_5k

Comparison: tensorsmith compare cnn/mnist_5k --seeds 5

The seeds 0 to 4 are a five-fold cross-validation.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt
from keras import layers
from sklearn.model_selection import StratifiedKFold

import tensorsmith.tuning as tune
from tensorsmith.data import load_splits
from tensorsmith.data.pipelines import map_with_seed
from tensorsmith.image import augment
from tensorsmith.recipes import TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    augmentation: Literal["none", "affine"] = "affine"  # random shifts, rotations, shears and scaling
    filters: tuple[PositiveInt, ...] = (32, 64)  # filters of each block of two convolutions and pooling
    dropout: ClosedUnitInterval = tune.uniform(0.0, 0.6, default=0.4)  # dropout rate after each block
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=2e-3)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 20
    batch_size: PositiveInt = 64
    train_size: PositiveInt = 3_500  # number of training examples


SCORE = "test accuracy"
ANSWER = """The accuracy is {score[affine]} in {seeds} folds, and affine augmentation gains {gain[affine]}."""
SMOKE = {"epochs": 1, "train_size": 1344, "filters": (8, 8)}
VARIANTS = {name: {"augmentation": name} for name in ("none", "affine")}


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28, 1) in [0, 1] and labels. The training images are augmented."""
    splits = load_splits("mnist_5k").values()
    images, labels = (np.concatenate(parts) for parts in zip(*splits, strict=True))
    images = images[..., None]
    folds = list(StratifiedKFold(5, shuffle=True, random_state=0).split(images, labels))
    rest, test = folds[config.seed % 5]
    validation, train = rest[:500], rest[500:][: config.train_size]
    batches = tf.data.Dataset.from_tensor_slices((images[train], labels[train]))
    batches = batches.shuffle(len(train), seed=config.seed).batch(config.batch_size)
    if config.augmentation != "none":
        change = augment.random_affine(rotation=15, shear=10, zoom=(0.85, 1.15), translation=0.1)
        batches = batches.apply(map_with_seed(lambda seed, x, y: (change(seed, x), y), seed=config.seed))
    return {
        "train": batches,
        "validation": (images[validation], labels[validation]),
        "test": (images[test], labels[test]),
    }


def build_model(config: Config) -> keras.Model:
    """Builds blocks of two convolutions with batch normalization, pooling and dropout, and a dense layer."""
    model = keras.Sequential([keras.Input((28, 28, 1))])
    for filters in config.filters:
        for _ in range(2):
            model.add(layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal"))
            model.add(layers.BatchNormalization())
            model.add(layers.ReLU())
        model.add(layers.MaxPooling2D())
        model.add(layers.Dropout(config.dropout))
    model.add(layers.Flatten())
    model.add(layers.Dense(10, "softmax"))
    return model


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss and the Adam optimizer."""
    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"))
    return Trainer(build_model(config), optimizer, "sparse_categorical_crossentropy", ["accuracy"], jit=config.jit)


if __name__ == "__main__":
    run_script(__file__)
