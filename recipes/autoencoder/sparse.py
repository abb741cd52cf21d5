"""How do penalties make the code of an autoencoder sparse, and at what cost?

Data: Fashion-MNIST, 55,000 / 5,000 / 10,000 images of 28x28 pixels, labels are not used (Zalando, MIT)
Command: tensorsmith run autoencoder/sparse

Comparison: tensorsmith compare autoencoder/sparse --parallel 2

The code has 300 sigmoid units. `l1` penalizes their activations. `kl` and `squared` penalize the deviation of the mean
activation of each unit in a batch from a target, by the Kullback-Leibler divergence or the square. `small` is the
fraction of activations below 0.1, and `near_target` the fraction of units whose mean over all test images is between
0.1 and 0.2. The network and the two statistics are those of Géron (2019, chapter 17), who reports about 70 % and 90 %
for `kl`.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from jsonargparse.typing import NonNegativeFloat, OpenUnitInterval, PositiveFloat, PositiveInt
from keras import layers, ops
from matplotlib.figure import Figure

import tensorsmith.tuning as tune
from tensorsmith.core.types import Tensor
from tensorsmith.data import load
from tensorsmith.layers.regularizers import KLDivergenceRegularizer
from tensorsmith.models import autoencoder
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    penalty: Literal["none", "l1", "squared", "kl"] = "kl"  # see above
    weight: NonNegativeFloat = tune.log_uniform(1e-3, 1.0, default=0.05)  # weight of the penalty
    target: OpenUnitInterval = 0.1  # mean activation of a unit at which `kl` and `squared` are 0
    codings: PositiveInt = 300  # units of the code
    learning_rate: PositiveFloat = 1e-3  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 10
    batch_size: PositiveInt = 40  # Keras divides the penalty by it
    train_size: PositiveInt = 55_000  # number of training images


SCORE = "test mean_squared_error"
SMOKE = {"epochs": 1, "train_size": 2000}
ANSWER = """With the Kullback-Leibler divergence, a fraction of {column[kl/test small]} of the activations is below
0.1, and {column[kl/test near_target]} of the units have a mean between 0.1 and 0.2; the squared error is {score[kl]} in
place of {score[none]}. With the square, the error is {score[squared]} and the fractions are
{column[squared/test small]} and {column[squared/test near_target]}. With L1, the error is {score[l1]} and the fractions
are {column[l1/test small]} and {column[l1/test near_target]} ({seeds} seeds)."""
VARIANTS = {
    "none": {"penalty": "none"},
    "l1": {"penalty": "l1", "weight": 1e-3},
    "squared": {"penalty": "squared", "weight": 0.05},
    "kl": {"penalty": "kl", "weight": 0.05},
}
COLUMNS = ("test small", "test near_target")


@keras.saving.register_keras_serializable(package="recipes")
class SquaredSparsity(keras.regularizers.Regularizer):
    """Penalty of the squared deviation of the mean activation of each unit from a target."""

    def __init__(self, weight: float, target: float) -> None:
        self.weight, self.target = weight, target

    def __call__(self, activations: Tensor) -> Tensor:
        return self.weight * ops.sum(ops.square(ops.mean(activations, axis=0) - self.target))

    def get_config(self) -> dict[str, Any]:
        return {"weight": self.weight, "target": self.target}


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28) in [0, 1], which are both inputs and targets."""
    images = {split: load("fashion_mnist", split=split).features for split in ("train", "validation", "test")}
    images["train"] = images["train"][: config.train_size]
    return {split: (part, part) for split, part in images.items()}


def build_model(config: Config) -> keras.Model:
    """Builds a stacked autoencoder with a penalty of the activations of its code."""
    penalty = {
        "none": None,
        "l1": keras.regularizers.L1(config.weight),
        "squared": SquaredSparsity(config.weight, config.target),
        "kl": KLDivergenceRegularizer(config.weight, config.target),
    }[config.penalty]
    return autoencoder("stacked", code=layers.Dense(config.codings, "sigmoid", activity_regularizer=penalty))


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer that minimizes the binary cross-entropy of the pixels."""
    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"))
    return Trainer(build_model(config), optimizer, "binary_crossentropy", ["mean_squared_error"], jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the two statistics of the activations of the code, and plots their distributions."""
    activations = trainer.model.get_layer("encoder").predict(data["test"][0], verbose=0)
    means = activations.mean(axis=0)
    figure = Figure(figsize=(8, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.hist(activations.ravel(), bins=40, range=(0, 1), weights=np.full(activations.size, 1 / activations.size))
    left.set(xlabel="activation", ylabel="fraction of activations")
    right.hist(means, bins=40, range=(0, 1), weights=np.full(means.size, 1 / means.size))
    right.set(xlabel="mean activation of a unit", ylabel="fraction of units")
    run.save_figure(figure, "activations.png")
    small, near = np.mean(activations < 0.1), np.mean((means > 0.1) & (means < 0.2))
    return {"test": {"small": float(small), "near_target": float(near)}}


if __name__ == "__main__":
    run_script(__file__)
