"""Does training an autoencoder layer by layer help, compared with training all layers at once?

Data: Fashion-MNIST, 20,000 of 55,000 / 5,000 / 10,000 images of 28x28 pixels, labels are not used (Zalando, MIT)
Command: tensorsmith run autoencoder/greedy

Comparison: tensorsmith compare autoencoder/greedy --parallel 2

`pretrained` trains each layer of the encoder with the layer of the decoder that inverts it, as an autoencoder of the
codes of the layers below (Bengio et al., 2007), and then all layers. `together` trains all layers from random weights,
for as many epochs as each layer is trained in the other variant. Before SELU and normalized initializers, deep networks
of sigmoid units were trained layer by layer. `before_fine_tuning` is the squared error of the stacked layers.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from jsonargparse.typing import NonNegativeInt, PositiveFloat, PositiveInt
from keras import layers

import tensorsmith.tuning as tune
from tensorsmith.data import load
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer, pretrain_layers


@dataclass(frozen=True)
class Config(TrainingSettings):
    units: tuple[PositiveInt, ...] = (300, 100, 30)  # units of the layers of the encoder, the last of which is the code
    activation: Literal["selu", "sigmoid"] = "selu"  # activation of all layers but the last one of the decoder
    pretraining_epochs: NonNegativeInt = 10  # epochs for each layer; 0 for random weights
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=1e-3)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 10
    batch_size: PositiveInt = 50
    train_size: PositiveInt = 20_000  # number of training images


SCORE = "test mean_squared_error"
SMOKE = {"epochs": 1, "pretraining_epochs": 1, "train_size": 1000}
VARIANTS = {
    "pretrained": {},
    "together": {"pretraining_epochs": 0, "epochs": 20},
    "pretrained, sigmoid": {"activation": "sigmoid"},
    "together, sigmoid": {"activation": "sigmoid", "pretraining_epochs": 0, "epochs": 20},
}
ANSWER = """With SELU, the squared error is {score[pretrained]} after training layer by layer and then together, and
{score[together]} after training together. With sigmoid units, it is {score[pretrained, sigmoid]} and
{score[together, sigmoid]} ({seeds} seeds). Before the layers are trained together, it is
{run[test before_fine_tuning]} with SELU."""


def load_images(config: Config, split: str) -> np.ndarray:
    """Returns images as vectors in [0, 1]."""
    images = load("fashion_mnist", split=split).features.reshape(-1, 28 * 28)
    return images[: config.train_size] if split == "train" else images


def dense_layers(config: Config) -> tuple[list[keras.Layer], list[keras.Layer]]:
    """Returns the layers of the encoder and of the decoder."""
    initializer = "lecun_normal" if config.activation == "selu" else "glorot_uniform"

    def dense(units: int) -> keras.Layer:
        return layers.Dense(units, config.activation, kernel_initializer=initializer)

    *hidden, _ = config.units
    return [*map(dense, config.units)], [*map(dense, reversed(hidden)), layers.Dense(28 * 28, "sigmoid")]


def optimizer(config: Config) -> keras.optimizers.Optimizer:
    """Returns Adam with a cosine schedule."""
    return keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"))


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    """Trains the layers one by one, unless they begin with random weights."""
    if not config.pretraining_epochs:
        return {}
    encoder, decoder = dense_layers(config)

    def train(model: keras.Model, codes: np.ndarray, index: int) -> None:
        # Codes of hidden layers are not probabilities, for which the cross-entropy would be defined.
        trainer = Trainer(model, optimizer(config), "binary_crossentropy" if index == 0 else "mean_squared_error")
        options = {"epochs": config.pretraining_epochs, "batch_size": config.batch_size}
        run.train(f"layer_{index}", trainer, {"train": (codes, codes)}, **options)

    pretrain_layers(encoder, decoder, load_images(config, "train"), train)
    return {"model": keras.Sequential([keras.Input((28 * 28,)), *encoder, *decoder])}


def build_data(config: Config, prepared: dict[str, Any]) -> dict[str, Any]:
    """Loads images, which are both inputs and targets."""
    return {split: (load_images(config, split),) * 2 for split in ("train", "validation", "test")}


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    """Returns the stacked layers, or builds them with random weights."""
    if prepared:
        return prepared["model"]
    encoder, decoder = dense_layers(config)
    return keras.Sequential([keras.Input((28 * 28,)), *encoder, *decoder])


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer that minimizes the binary cross-entropy of the pixels."""
    model = build_model(config, prepared)
    return Trainer(model, optimizer(config), "binary_crossentropy", ["mean_squared_error"], jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the squared error of the stacked layers before they are trained together."""
    if not config.pretraining_epochs:
        return {}
    images = data["test"][0]
    restored = run.prepared["model"].predict(images, verbose=0)
    return {"test": {"before_fine_tuning": float(np.mean(np.square(restored - images)))}}


if __name__ == "__main__":
    run_script(__file__)
