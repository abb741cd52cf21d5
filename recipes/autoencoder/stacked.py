"""Fashion-MNIST with a stacked autoencoder that compresses each image to a 30-dimensional code.

Data: Fashion-MNIST, 55,000 / 5,000 / 10,000 images of 28x28 pixels (Zalando, MIT); labels are not used
Command: tensorsmith run autoencoder/stacked
Figure: map.png

`map.png` in the run folder shows the codes of test images, reduced to two dimensions by t-SNE and colored by class,
which the network has not seen. `reconstructions.png` shows test images above their reconstructions.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from jsonargparse.typing import PositiveFloat, PositiveInt
from keras import layers
from matplotlib.figure import Figure
from sklearn.manifold import TSNE

import tensorsmith.tuning as tune
from tensorsmith.data import load
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    units: tuple[PositiveInt, ...] = (300, 100)  # units of the encoder's hidden layers (SELU), mirrored by the decoder
    codings: PositiveInt = tune.integer(10, 60, default=30)  # dimension of the code
    learning_rate: PositiveFloat = tune.log_uniform(
        3e-4, 1e-2, default=1e-3
    )  # initial learning rate of Adam, with cosine decay to 0
    epochs: PositiveInt = 20
    batch_size: PositiveInt = 64
    train_size: PositiveInt = 55_000  # number of training examples
    mapped: PositiveInt = 2_000  # number of test images on the map


SCORE = "test mean_squared_error"
SMOKE = {"epochs": 1, "train_size": 3200, "mapped": 100}


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28) in [0, 1], which are both inputs and targets."""
    images = {split: load("fashion_mnist", split=split).features for split in ("train", "validation", "test")}
    images["train"] = images["train"][: config.train_size]
    return {split: (part, part) for split, part in images.items()}


def build_model(config: Config) -> keras.Model:
    """Builds the encoder and the decoder as nested Sequential models."""

    def dense(units: int) -> keras.Layer:
        return layers.Dense(units, "selu", kernel_initializer="lecun_normal")

    coding = [*map(dense, config.units), dense(config.codings)]
    decoding = [*map(dense, reversed(config.units)), layers.Dense(28 * 28, "sigmoid"), layers.Reshape((28, 28))]
    encoder = keras.Sequential([keras.Input((28, 28)), layers.Flatten(), *coding], name="encoder")
    decoder = keras.Sequential([keras.Input((config.codings,)), *decoding], name="decoder")
    return keras.Sequential([keras.Input((28, 28)), encoder, decoder])


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer that minimizes the binary cross-entropy of the pixels."""
    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"))
    return Trainer(build_model(config), optimizer, "binary_crossentropy", ["mean_squared_error"], jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Plots reconstructions and a map of the codes, and returns the error of the mean image as a baseline."""
    images, _ = data["test"]
    rows = [images[:10], trainer.predict(images[:10])]
    figure = Figure(figsize=(10, 2.2), layout="constrained")
    for panel, image in zip(figure.subplots(2, 10).flat, np.concatenate(rows), strict=True):
        panel.imshow(image, cmap="gray_r", vmin=0, vmax=1)
        panel.set_axis_off()
    run.save_figure(figure, "reconstructions.png")

    codes = trainer.model.get_layer("encoder").predict(images[: config.mapped], verbose=0)
    figure = Figure(figsize=(6, 5), layout="constrained")
    panel = figure.subplots()
    labels = load("fashion_mnist", split="test").labels[: config.mapped]
    points = panel.scatter(*TSNE(random_state=config.seed).fit_transform(codes).T, c=labels, s=8, cmap="tab10")
    panel.legend(*points.legend_elements(), title="class", loc="center left", bbox_to_anchor=(1, 0.5))
    panel.set(xticks=[], yticks=[])
    run.save_figure(figure, "map.png")
    mean_image = data["train"][0].mean(axis=0)
    return {"test": {"mean_image_error": float(np.mean((images - mean_image) ** 2))}}


if __name__ == "__main__":
    run_script(__file__)
