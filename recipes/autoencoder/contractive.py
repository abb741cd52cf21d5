"""Does a penalty of the derivatives of its code make an autoencoder robust to noise?

Data: Fashion-MNIST, 55,000 / 5,000 / 10,000 images of 28x28 pixels, labels are not used (Zalando, MIT)
Command: tensorsmith run autoencoder/contractive

Comparison: tensorsmith compare autoencoder/contractive --parallel 2

A contractive autoencoder penalizes the squared norm of the Jacobian of its code, so that similar images have similar
codes (Rifai et al., 2011). As in the paper, the encoder is a layer of sigmoid units, whose Jacobian is known in closed
form; `tensorsmith.layers.ContractivePenalty` computes that of any encoder, and is slower. `denoising` is trained with
noise in place of the penalty. `code_error` is the mean distance between the codes of a test image with and without
normal noise, in units of the mean distance between the codes of two test images, and `jacobian` the norm of the
Jacobian in the same units.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from jsonargparse.typing import NonNegativeFloat, PositiveFloat, PositiveInt
from keras import layers, ops

import tensorsmith.tuning as tune
from tensorsmith.core.types import Tensor
from tensorsmith.data import load
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    weight: NonNegativeFloat = tune.log_uniform(1e-3, 1.0, default=0.1)  # weight of the squared norm of the Jacobian
    noise: NonNegativeFloat = 0.0  # standard deviation of noise in training
    codings: PositiveInt = 120  # sigmoid units of the code
    learning_rate: PositiveFloat = 1e-3  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 10
    batch_size: PositiveInt = 50
    train_size: PositiveInt = 55_000  # number of training images
    test_noise: PositiveFloat = 0.3  # standard deviation of noise in the score


SCORE = "test code_error"
SMOKE = {"epochs": 1, "train_size": 2000}
VARIANTS = {
    "none": {"weight": 0.0},
    "contractive": {},
    "denoising": {"weight": 0.0, "noise": 0.3},
}
COLUMNS = ("test jacobian", "test squared_error")
ANSWER = """Noise changes the code by {score[contractive]} of the distance between two images with the penalty,
{score[none]} without it and {score[denoising]} after training with noise. The norm of the Jacobian is
{column[contractive/test jacobian]}, {column[none/test jacobian]} and {column[denoising/test jacobian]}, and the squared
error of the pixels {column[contractive/test squared_error]}, {column[none/test squared_error]} and
{column[denoising/test squared_error]} ({seeds} seeds)."""


@keras.saving.register_keras_serializable(package="recipes")
class ContractiveDense(layers.Dense):
    """Dense layer of sigmoid units with a penalty of the mean squared norm of its Jacobian."""

    def __init__(self, units: int, weight: float, **kwargs: Any) -> None:
        super().__init__(units, activation="sigmoid", **kwargs)
        self.weight = weight

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        code = super().call(inputs)
        self.add_loss(self.weight * ops.mean(self.squared_norm(code)))
        return code

    def squared_norm(self, code: Tensor) -> Tensor:
        """Returns the squared Frobenius norm of the Jacobian at each code."""
        slopes = ops.square(code * (1 - code))
        return ops.sum(slopes * ops.sum(ops.square(self.kernel), axis=0), axis=-1)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "weight": self.weight}
        del config["activation"]
        return config


def build_data(config: Config) -> dict[str, Any]:
    """Loads images as vectors in [0, 1], which are both inputs and targets."""
    images = {split: load("fashion_mnist", split=split).features for split in ("train", "validation", "test")}
    images["train"] = images["train"][: config.train_size]
    return {split: (part.reshape(len(part), -1),) * 2 for split, part in images.items()}


def build_model(config: Config) -> keras.Model:
    """Builds an autoencoder of one hidden layer."""
    inputs = keras.Input((28 * 28,))
    noisy = layers.GaussianNoise(config.noise)(inputs)
    code = ContractiveDense(config.codings, config.weight, name="code")(noisy)
    return keras.Model(inputs, layers.Dense(28 * 28, "sigmoid")(code))


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer that minimizes the cross-entropy, summed over pixels as in the paper, and the penalty."""
    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"))
    return Trainer(build_model(config), optimizer, summed_crossentropy, jit=config.jit)


def summed_crossentropy(targets: Tensor, outputs: Tensor) -> Tensor:
    """Returns the binary cross-entropy of each image, summed over its pixels."""
    return 28 * 28 * keras.losses.binary_crossentropy(targets, outputs)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns how much noise changes the code, the norm of the Jacobian and the squared error."""
    images = data["test"][0]
    layer = trainer.model.get_layer("code")
    noise = np.random.default_rng(0).normal(0, config.test_noise, images.shape)
    code, noisy = (ops.convert_to_numpy(layer(part.astype("float32"))) for part in (images, images + noise))
    distance = np.mean(np.linalg.norm(code - code[::-1], axis=1))
    jacobian = np.sqrt(ops.convert_to_numpy(layer.squared_norm(ops.convert_to_tensor(code))))
    return {
        "test": {
            "code_error": float(np.mean(np.linalg.norm(noisy - code, axis=1)) / distance),
            "jacobian": float(np.mean(jacobian) / distance),
            "squared_error": float(np.mean(np.square(trainer.predict(images) - images))),
        }
    }


if __name__ == "__main__":
    run_script(__file__)
