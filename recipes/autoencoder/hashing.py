"""How well do binary codes of an autoencoder find similar images?

Data: Fashion-MNIST, 55,000 / 5,000 / 10,000 images of 28x28 pixels; labels are used for the scores only (Zalando, MIT)
Command: tensorsmith run autoencoder/hashing

Comparison: tensorsmith compare autoencoder/hashing --parallel 2

The images whose codes of 32 bits differ least from that of a test image are searched among the training images
(semantic hashing, Salakhutdinov and Hinton, 2009). `precision_at_10` is the fraction of the 10 nearest ones that have
the class of the test image. Of images with equal distances, the first ones count, in an order that does not depend on
classes. The code has sigmoid units, which are 1 above 0.5. With `noise`, Gaussian noise is added to their inputs in
training, against which only large inputs are robust. With `straight_through`, bits are decoded, and their gradient is
that of the sigmoid (Bengio et al., 2013). Baselines: `pca_precision_at_10`, signs of the first principal components,
and `pixel_precision_at_10`, the Euclidean distance between all pixels.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt
from keras import layers, ops
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

import tensorsmith.tuning as tune
from tensorsmith.core.types import Tensor
from tensorsmith.data import load_splits
from tensorsmith.models import autoencoder
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    binarization: Literal["threshold", "noise", "straight_through"] = "straight_through"  # see above
    noise: ClosedUnitInterval = 1.0  # standard deviation of the noise, relative to the width of the sigmoid
    bits: PositiveInt = tune.integer(8, 64, default=32)  # units of the code
    learning_rate: PositiveFloat = 2e-3  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 15
    batch_size: PositiveInt = 100
    train_size: PositiveInt = 55_000  # number of training images
    queries: PositiveInt = 2_000  # number of test images for which similar ones are searched


SCORE = "test precision_at_10"
SMOKE = {"epochs": 1, "train_size": 2000, "queries": 100}
VARIANTS = {
    "threshold": {"binarization": "threshold"},
    "noise": {"binarization": "noise"},
    "straight_through": {"binarization": "straight_through"},
}
COLUMNS = ("test pca_precision_at_10", "test pixel_precision_at_10")
ANSWER = """Of the 10 nearest images, a fraction of {score[noise]} has the class of the test image if the code was
trained with noise, {score[straight_through]} with straight-through gradients and {score[threshold]} if it was rounded
after training. Signs of principal components reach {column[noise/test pca_precision_at_10]}, and all pixels
{column[noise/test pixel_precision_at_10]} ({seeds} seeds)."""


@keras.saving.register_keras_serializable(package="recipes")
class StraightThroughBit(layers.Layer):
    """1 if the sigmoid of the input is above 0.5, and else 0, with the gradient of the sigmoid."""

    def call(self, inputs: Tensor) -> Tensor:
        soft = ops.sigmoid(inputs)
        return soft + ops.stop_gradient(ops.cast(soft > 0.5, soft.dtype) - soft)


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28) in [0, 1], which are both inputs and targets."""
    splits = load_splits("fashion_mnist", train_size=config.train_size)
    return {split: (images, images) for split, (images, _) in splits.items()}


def build_model(config: Config) -> keras.Model:
    """Builds a stacked autoencoder whose code is binary, or nearly so."""
    steep = keras.Sequential([layers.Rescaling(4.0), layers.Activation("sigmoid")])
    parts = {
        "threshold": [steep],
        "noise": [layers.GaussianNoise(config.noise), steep],
        "straight_through": [StraightThroughBit()],
    }[config.binarization]
    return autoencoder("stacked", code=keras.Sequential([layers.Dense(config.bits), *parts]))


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer that minimizes the binary cross-entropy of the pixels."""
    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"))
    return Trainer(build_model(config), optimizer, "binary_crossentropy", ["mean_squared_error"], jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the precision of the codes and of the baselines, and plots the nearest images of some test images."""
    splits = load_splits("fashion_mnist", train_size=config.train_size)
    (images, classes), (queries, query_classes) = splits["train"], splits["test"]
    queries, query_classes = queries[: config.queries], query_classes[: config.queries]
    encoder, pca = trainer.model.get_layer("encoder"), PCA(config.bits).fit(images.reshape(len(images), -1))
    found = {}
    for name, encode in (
        ("", lambda part: encoder.predict(part, verbose=0) > 0.5),
        ("pca_", lambda part: pca.transform(part.reshape(len(part), -1)) > 0),
        ("pixel_", lambda part: part.reshape(len(part), -1)),
    ):
        search = NearestNeighbors(n_neighbors=10, algorithm="brute").fit(encode(images).astype("float32"))
        found[name] = search.kneighbors(encode(queries).astype("float32"), return_distance=False)
    figure = Figure(figsize=(9, 4), layout="constrained")
    for row, query, indices in zip(figure.subplots(5, 11), queries, found[""], strict=False):
        for panel, image in zip(row, [query, *images[indices]], strict=True):
            panel.imshow(image, cmap="gray_r")
            panel.set_axis_off()
    run.save_figure(figure, "nearest.png")
    scores = {f"{name}precision_at_10": classes[indices] == query_classes[:, None] for name, indices in found.items()}
    return {"test": {name: float(np.mean(correct)) for name, correct in scores.items()}}


if __name__ == "__main__":
    run_script(__file__)
