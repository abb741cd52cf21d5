"""Fashion-MNIST with a recurrent autoencoder, which reads and writes each image row by row.

Data: Fashion-MNIST, 20,000 of 55,000 / 5,000 / 10,000 images of 28x28 pixels, labels are not used (Zalando, MIT)
Command: tensorsmith run autoencoder/recurrent
Figure: reconstructions.png

The last output of the encoder's LSTM layers is the code, of 30 numbers, which is the input of the decoder's LSTM layer
at each row (Géron, 2019, chapter 17). Compare with the dense layers of autoencoder/stacked, whose code has the same
size.
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
    codings: PositiveInt = tune.integer(10, 60, default=30)  # dimension of the code
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=3e-3)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 10
    batch_size: PositiveInt = 64
    train_size: PositiveInt = 20_000  # number of training images


SCORE = "test mean_squared_error"
SMOKE = {"epochs": 1, "train_size": 1344}


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28) in [0, 1]: sequences of 28 rows, which are both inputs and targets."""
    images = {split: load("fashion_mnist", split=split).features for split in ("train", "validation", "test")}
    images["train"] = images["train"][: config.train_size]
    return {split: (part, part) for split, part in images.items()}


def build_model(config: Config) -> keras.Model:
    """Builds two LSTM layers that end in the code, and one LSTM layer that starts from it."""
    return autoencoder("recurrent", code=config.codings)


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer that minimizes the binary cross-entropy of the pixels."""
    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"))
    return Trainer(build_model(config), optimizer, "binary_crossentropy", ["mean_squared_error"], jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Plots ten test images with their reconstructions."""
    images = data["test"][0][:10]
    figure = Figure(figsize=(10, 2.2), layout="constrained")
    both = np.concatenate([images, trainer.predict(images)])
    for panel, image in zip(figure.subplots(2, 10).flat, both, strict=True):
        panel.imshow(image, cmap="gray_r", vmin=0, vmax=1)
        panel.set_axis_off()
    run.save_figure(figure, "reconstructions.png")
    return {}


if __name__ == "__main__":
    run_script(__file__)
