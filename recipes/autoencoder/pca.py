"""Generated points in three dimensions with a linear autoencoder, which finds the plane of principal components.

Data: generated, 600 / 200 / 200 points in three dimensions near a plane
Command: tensorsmith run autoencoder/pca
Figure: plane.png

An autoencoder without activations that minimizes the squared error spans the same plane as PCA, although its codes are
other coordinates of the plane (Géron, 2019, chapter 17). The scores compare it with scikit-learn: the errors of both,
and the largest angle between the planes.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from jsonargparse.typing import PositiveFloat, PositiveInt
from matplotlib.figure import Figure
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA

import tensorsmith.tuning as tune
from tensorsmith.optimizers import SGD
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    learning_rate: PositiveFloat = tune.log_uniform(0.01, 0.3, default=0.1)  # initial rate of SGD, decays to 0
    epochs: PositiveInt = 600
    batch_size: PositiveInt = 60
    noise: PositiveFloat = 0.1  # standard deviation of the distance from the plane


SCORE = "test mean_squared_error"
SMOKE = {"epochs": 3}


def build_data(config: Config) -> dict[str, Any]:
    """Generates points of shape (n, 3), which are both inputs and targets, less the mean of training points."""
    random = np.random.default_rng(42)
    angles = 1.5 * np.pi * random.random(1000) - 0.5
    coordinates = np.stack([np.cos(angles), 0.7 * np.sin(angles), np.zeros(1000)], axis=1)
    tilt = np.linalg.qr(random.normal(size=(3, 3)))[0]
    points = ((coordinates + config.noise * random.normal(size=(1000, 3))) @ tilt).astype("float32")
    parts = np.split(points - points[:600].mean(axis=0), [600, 800])
    return {split: (part, part) for split, part in zip(("train", "validation", "test"), parts, strict=True)}


def build_model(config: Config) -> keras.Model:
    """Builds an encoder and a decoder of one layer each, without activations."""
    encoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)], name="encoder")
    decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)], name="decoder")
    return keras.Sequential([keras.Input((3,)), encoder, decoder])


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer that minimizes the squared error."""
    optimizer = SGD(CosineDecay(config.learning_rate, "100%"), momentum=0.9)
    return Trainer(build_model(config), optimizer, "mse", ["mean_squared_error"], jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the error of PCA and the angle between the planes, and plots both kinds of codes."""
    points = data["test"][0]
    pca = PCA(2).fit(data["train"][0])
    angle = subspace_angles(pca.components_.T, trainer.model.get_layer("decoder").layers[0].kernel.numpy().T)[0]
    codes = {
        "codes of the autoencoder": trainer.model.get_layer("encoder").predict(points, verbose=0),
        "principal components": pca.transform(points),
    }
    figure = Figure(figsize=(8, 3.5), layout="constrained")
    order = np.argsort(codes["principal components"][:, 0])
    for panel, (title, code) in zip(figure.subplots(1, 2), codes.items(), strict=True):
        panel.scatter(*code[order].T, c=np.arange(len(order)), s=10, cmap="viridis")
        panel.set(title=title, aspect="equal")
    run.save_figure(figure, "plane.png")
    error = np.mean((pca.inverse_transform(pca.transform(points)) - points) ** 2)
    return {"test": {"pca_mean_squared_error": float(error), "angle_in_radians": float(angle)}}


if __name__ == "__main__":
    run_script(__file__)
