"""Photographs of eight categories with a pretrained network: a new classifier first, then fine-tuning.

Data: 436 stamps of Tux Paint of 160x160 pixels, in five folds of which the seed chooses one as test set (GPL-2)
Command: tensorsmith run transfer/photos

The lower layers of EfficientNet-Lite0 are frozen, so their features are computed once, for images and mirror images,
whose predictions are averaged. The upper layers are frozen in the first half of the training. Rare classes have larger
weights. The seeds 0 to 4 are a five-fold cross-validation. `--data FOLDER` trains on images of your own.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from jsonargparse.typing import PositiveFloat, PositiveInt
from keras import layers
from sklearn.model_selection import StratifiedKFold

import tensorsmith.tuning as tune
from tensorsmith.data import info, load_splits, weights
from tensorsmith.models import efficientnet_lite0
from tensorsmith.optimizers import AdamW, MultiOptimizer
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay, PiecewiseConstant
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=2e-3)  # initial rate of the classifier
    fine_tuning_rate: PositiveFloat = 3e-5  # learning rate of the upper layers, in the second half
    epochs: PositiveInt = 20
    batch_size: PositiveInt = 32
    data: str = "tux_paint_stamps"  # data set of images, or path of a folder with a subfolder for each class
    examples: PositiveInt | None = None  # number of images, of all folds; null for all of them


SCORE = "test accuracy"
SMOKE = {"epochs": 2, "examples": 150, "batch_size": 9, "jit": False}


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    """Computes the features of the lower layers, of shape (n, 2, 10, 10, 112), for images and their mirror images."""
    splits = load_splits(config.data, image_shape=(160, 160, 3)).values()
    images, labels = (np.concatenate(parts)[: config.examples] for parts in zip(*splits, strict=True))
    lower, _ = pretrained_layers()
    pixels = (255 * images - 127) / 128
    features = [lower.predict(each, verbose=0) for each in (pixels, pixels[:, :, ::-1])]
    return {"features": np.stack(features, axis=1), "labels": labels}


def pretrained_layers() -> tuple[keras.Model, keras.Model]:
    """Returns the lower and the upper layers of EfficientNet-Lite0."""
    network = efficientnet_lite0((160, 160, 3), classes=None, weights=weights("efficientnet_lite0"))
    features = network.output["stride_16"]
    return keras.Model(network.input, features), keras.Model(features, network.output["stride_32"])


def build_data(config: Config, prepared: dict[str, Any]) -> dict[str, Any]:
    """Returns features, labels and, for training, weights. Validation data are a tenth of the other folds."""
    features, labels = prepared["features"], prepared["labels"]
    rest, test = list(StratifiedKFold(5, shuffle=True, random_state=0).split(labels, labels))[config.seed % 5]
    train, validation = np.delete(rest, np.s_[::10]), rest[::10]
    sample_weights = 1 / np.bincount(labels[train])[labels[train]]
    data = {split: (features[part], labels[part]) for split, part in (("validation", validation), ("test", test))}
    return {**data, "train": (features[train], labels[train], sample_weights / sample_weights.mean())}


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    """Builds the upper layers and a classifier, whose probabilities are means over both images."""
    _, upper = pretrained_layers()
    for layer in upper.layers:
        layer.trainable = not isinstance(layer, layers.BatchNormalization)
    inputs = keras.Input((2, 10, 10, 112))
    x = layers.TimeDistributed(keras.Sequential([upper, layers.GlobalAveragePooling2D()]))(inputs)
    x = layers.Dense(len(info(config.data).class_names), "softmax")(layers.Dropout(0.3)(x))
    return keras.Model(inputs, layers.GlobalAveragePooling1D()(x))


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer with cross-entropy loss, and AdamW with a learning rate for each part."""
    model = build_model(config, prepared)
    upper, classifier = (layer for layer in model.layers if layer.weights)
    rates = PiecewiseConstant(["50%"], [0.0, config.fine_tuning_rate]), CosineDecay(config.learning_rate, "100%")
    slow, fast = (AdamW(rate, weight_decay=0.01) for rate in rates)
    optimizer = MultiOptimizer([(slow, [upper]), (fast, [classifier])])
    return Trainer(model, optimizer, "sparse_categorical_crossentropy", ["accuracy"], jit=config.jit)


def model_to_save(trainer: Trainer) -> keras.Model:
    """Returns a model of images in [0, 1], which includes the lower layers."""
    inputs = keras.Input((160, 160, 3))
    both = keras.ops.stack([inputs, inputs[:, :, ::-1]], axis=1)
    features = layers.TimeDistributed(pretrained_layers()[0])((255.0 * both - 127.0) / 128.0)
    return keras.Model(inputs, trainer.model(features))


if __name__ == "__main__":
    run_script(__file__)
