"""Fashion-MNIST with a convolutional autoencoder, whose code consists of 64 feature maps of 3x3 pixels.

Data: Fashion-MNIST, 55,000 / 5,000 / 10,000 images of 28x28 pixels, labels are not used (Zalando, MIT)
Command: tensorsmith run autoencoder/convolutional
Figure: reconstructions.png

The encoder halves the image with each max pooling, and the decoder doubles it with each transposed convolution (Géron,
2019, chapter 17). The code has 576 numbers, compared with 30 of autoencoder/stacked, whose network has more parameters.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from jsonargparse.typing import PositiveFloat, PositiveInt
from matplotlib.figure import Figure

import tensorsmith.tuning as tune
from tensorsmith.data import load
from tensorsmith.models import autoencoder
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=2e-3)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 5
    batch_size: PositiveInt = 64
    train_size: PositiveInt = 55_000  # number of training images


SCORE = "test mean_squared_error"
SMOKE = {"epochs": 1, "train_size": 1600}


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28) in [0, 1], which are both inputs and targets."""
    images = {split: load("fashion_mnist", split=split).features for split in ("train", "validation", "test")}
    images["train"] = images["train"][: config.train_size]
    return {split: (part, part) for split, part in images.items()}


def build_model(config: Config) -> keras.Model:
    """Builds three convolutions with max pooling, and three transposed convolutions."""
    return autoencoder("convolutional")


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer that minimizes the binary cross-entropy of the pixels."""
    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"))
    return Trainer(build_model(config), optimizer, "binary_crossentropy", ["mean_squared_error"], jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Plots ten test images, their feature maps with the largest variance, and their reconstructions."""
    images = data["test"][0][:10]
    maps = trainer.model.get_layer("encoder").predict(images, verbose=0)
    largest = maps[..., np.argmax(maps.var(axis=(0, 1, 2)))]
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    rows = {"image": images, "feature map": largest, "reconstruction": trainer.predict(images)}
    for panels, (title, row) in zip(figure.subplots(3, 10), rows.items(), strict=True):
        panels[0].set_ylabel(title)
        for panel, image in zip(panels, row, strict=True):
            panel.imshow(image, cmap="gray_r", vmin=row.min(), vmax=row.max())
            panel.set(xticks=[], yticks=[])
    run.save_figure(figure, "reconstructions.png")
    return {}


if __name__ == "__main__":
    run_script(__file__)
