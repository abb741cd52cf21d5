"""Does a video classifier need the order of the frames?

Data: 4,000 / 500 / 1,000 generated clips of 8 frames, in which an item of Fashion-MNIST moves in one of 8 directions
Command: tensorsmith run cnn/video

Comparison: tensorsmith compare cnn/video

A convolutional network that has learned to recognize items in single frames is frozen, and applied to each frame. Its
features are read in order by an LSTM, or are averaged over the frames, or only those of the last frame are used.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from jsonargparse.typing import PositiveFloat, PositiveInt
from keras import layers

import tensorsmith.tuning as tune
from tensorsmith.data import load
from tensorsmith.layers import LSTM
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    frames: Literal["last", "mean", "lstm"] = "lstm"  # use of the features of all frames
    units: PositiveInt = 64  # units of the LSTM or of a dense layer
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=2e-3)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 15
    batch_size: PositiveInt = 64
    train_size: PositiveInt = 4_000  # number of training clips
    frame_epochs: PositiveInt = 5  # passes of the network for single frames over 10,000 frames


SCORE = "test accuracy"
ANSWER = """Yes: the accuracy is {score[last]} with the last frame only, {score[mean]} with the mean over all frames,
and {score[lstm]} with an LSTM ({seeds} seeds)."""
SMOKE = {"epochs": 1, "train_size": 1280, "frame_epochs": 1}
VARIANTS = {name: {"frames": name} for name in ("last", "mean", "lstm")}
FRAMES, SIZE = 8, 44
DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))  # rows and columns per frame


def clips(split: str, count: int, frames: int = FRAMES) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns clips of shape (n, frames, 44, 44, 1) in [0, 1], the indices of directions, and the classes of items."""
    rng = np.random.default_rng(("train", "validation", "test").index(split))
    items = load("fashion_mnist", split=split)
    chosen = rng.integers(len(items.features), size=count)
    directions = rng.integers(len(DIRECTIONS), size=count)
    # The position in the middle of the clip does not depend on the direction.
    middle = rng.integers(FRAMES // 2, SIZE - 28 - FRAMES // 2 + 1, size=(count, 2))
    images = np.zeros((count, frames, SIZE, SIZE, 1), np.float32)
    for number in range(count):
        for frame in range(frames):
            row, column = middle[number] + (frame - frames // 2) * np.array(DIRECTIONS[directions[number]])
            images[number, frame, row : row + 28, column : column + 28, 0] = items.features[chosen[number]]
    return images, directions.astype(np.int32), items.labels[chosen]


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    """Trains a network that recognizes the item in a single frame, and returns its convolutions."""
    features = keras.Sequential([keras.Input((SIZE, SIZE, 1))], name="features")
    for filters in (16, 32, 32):
        features.add(layers.Conv2D(filters, 3, 2, "same", activation="relu", kernel_initializer="he_normal"))
    head = [layers.Flatten(), layers.Dropout(0.3), layers.Dense(10, "softmax")]
    trainer = Trainer(
        keras.Sequential([features, *head]), "adam", "sparse_categorical_crossentropy", ["accuracy"], jit=config.jit
    )
    images, _, classes = clips("train", 10_000, frames=1)
    run.train("frames", trainer, {"train": (images[:, 0], classes)}, epochs=config.frame_epochs, batch_size=64)
    return {"features": features}


def build_data(config: Config, prepared: dict[str, Any]) -> dict[str, Any]:
    """Generates clips and the indices of their directions."""
    sizes = {"train": config.train_size, "validation": 500, "test": 1_000}
    return {split: clips(split, size)[:2] for split, size in sizes.items()}


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    """Builds a classifier of the features of all frames, which are not trained."""
    features = prepared["features"]
    features.trainable = False
    inputs = keras.Input((FRAMES, SIZE, SIZE, 1))
    x = layers.TimeDistributed(keras.Sequential([features, layers.Flatten()]))(inputs)
    match config.frames:
        case "last":
            x = layers.Dense(config.units, "relu", kernel_initializer="he_normal")(x[:, -1])
        case "mean":
            x = layers.GlobalAveragePooling1D()(x)
            x = layers.Dense(config.units, "relu", kernel_initializer="he_normal")(x)
        case _:
            x = LSTM(config.units)(x)
    return keras.Model(inputs, layers.Dense(len(DIRECTIONS), "softmax")(x))


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer with cross-entropy loss and the Adam optimizer."""
    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"))
    model = build_model(config, prepared)
    return Trainer(model, optimizer, "sparse_categorical_crossentropy", ["accuracy"], jit=config.jit)


if __name__ == "__main__":
    run_script(__file__)
