"""Does a network double the resolution of small images better than bicubic interpolation, and with which layer?

Data: Fashion-MNIST, 10,000 / 2,000 / 2,000 images, reduced from 28x28 to 14x14 pixels (Zalando, MIT)
Command: tensorsmith run vision/super_resolution

Comparison: tensorsmith compare vision/super_resolution

The network adds a correction to the bilinear interpolation of its input. The last layer that doubles the resolution is
a transposed convolution that starts as bilinear interpolation (Long et al., 2015), a convolution whose channels become
pixels (Shi et al., 2016), or nearest-neighbor upsampling followed by a convolution (Odena et al., 2016). The score is
the peak signal-to-noise ratio in decibels.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from jsonargparse.typing import PositiveFloat, PositiveInt
from keras import layers
from matplotlib.figure import Figure

import tensorsmith.tuning as tune
from tensorsmith.core.types import Tensor
from tensorsmith.data import load_splits
from tensorsmith.layers.initializers import Bilinear
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    upsampling: Literal["transposed", "pixels", "nearest"] = "pixels"  # layer that doubles the resolution
    filters: PositiveInt = 32  # filters of each convolution
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=3e-3)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 10
    batch_size: PositiveInt = 64
    train_size: PositiveInt = 10_000  # number of training images


SCORE = "test psnr"
SMOKE = {"epochs": 1, "train_size": 1344, "filters": 8}
ANSWER = """Yes: bicubic interpolation has {column[pixels/test bicubic_psnr]} dB, and the networks have {ranking}
({seeds} seeds)."""
VARIANTS = {name: {"upsampling": name} for name in ("pixels", "transposed", "nearest")}
COLUMNS = ("test bicubic_psnr",)


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of 14 x 14 pixels, which are means of 2 x 2 pixels, and of 28 x 28 pixels, in [0, 1]."""
    data = {}
    for split, (images, _) in load_splits("fashion_mnist", train_size=config.train_size).items():
        large = images[: None if split == "train" else 2_000, ..., None]
        data[split] = large.reshape(-1, 14, 2, 14, 2, 1).mean(axis=(2, 4)), large
    return data


def build_model(config: Config) -> keras.Model:
    """Builds three convolutions and an upsampling layer, whose result is added to the bilinear interpolation."""
    inputs = x = keras.Input((14, 14, 1))
    for kernel in (5, 3, 3):
        x = layers.Conv2D(config.filters, kernel, padding="same", activation="relu", kernel_initializer="he_normal")(x)
    match config.upsampling:
        case "transposed":
            x = layers.Conv2DTranspose(config.filters, 4, 2, "same", kernel_initializer=Bilinear())(x)
            x = layers.Conv2D(1, 3, padding="same", kernel_initializer="zeros")(x)
        case "pixels":
            x = layers.Conv2D(4, 3, padding="same", kernel_initializer="zeros")(x)
            # The four channels are the pixels of a 2 x 2 block.
            x = layers.Reshape((14, 14, 2, 2))(x)
            x = layers.Reshape((28, 28, 1))(layers.Permute((1, 3, 2, 4))(x))
        case _:
            x = layers.UpSampling2D(2, interpolation="nearest")(x)
            x = layers.Conv2D(1, 3, padding="same", kernel_initializer="zeros")(x)
    return keras.Model(inputs, layers.Add()([x, layers.UpSampling2D(2, interpolation="bilinear")(inputs)]))


def psnr(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Returns the peak signal-to-noise ratio of each image, in decibels."""
    return tf.image.psnr(y_true, tf.clip_by_value(y_pred, 0.0, 1.0), max_val=1.0)


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer that minimizes the mean squared error with the Adam optimizer."""
    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"))
    return Trainer(build_model(config), optimizer, "mean_squared_error", [psnr], jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Plots ten test images, and returns the score of bicubic interpolation."""
    small, large = data["test"]
    bicubic = tf.image.resize(small, (28, 28), "bicubic").numpy()
    rows = {"input": small, "bicubic": bicubic, "network": trainer.predict(small[:10]), "original": large}
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    for panels, (name, images) in zip(figure.subplots(4, 10), rows.items(), strict=True):
        panels[0].set_title(name, loc="left", fontsize=9)
        for panel, image in zip(panels, images[:10], strict=True):
            panel.imshow(image, cmap="gray_r", vmin=0, vmax=1)
            panel.set_axis_off()
    run.save_figure(figure, "images.png")
    return {"test": {"bicubic_psnr": float(np.mean(psnr(large, bicubic)))}}


if __name__ == "__main__":
    run_script(__file__)
