"""Does an autoencoder restore images with missing pixels if it is trained with noise?

Data: Fashion-MNIST, 55,000 / 5,000 / 10,000 images of 28x28 pixels, labels are not used (Zalando, MIT)
Command: tensorsmith run autoencoder/denoising

Comparison: tensorsmith compare autoencoder/denoising --parallel 2

In training, `dropout` sets half of the pixels to 0, and `gaussian` adds normal noise; `none` is an ordinary
autoencoder. The target is the clean image (Vincent et al., "Stacked Denoising Autoencoders", 2010). The score is the
squared error of reconstructions of test images without half of their pixels, the others doubled as by dropout, and the
second column that of complete images. `denoised.png` in the run folder shows such images above their reconstructions.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from jsonargparse.typing import PositiveFloat, PositiveInt
from keras import layers
from matplotlib.figure import Figure

import tensorsmith.tuning as tune
from tensorsmith.data import load
from tensorsmith.layers import Dropout
from tensorsmith.models import autoencoder
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    noise: Literal["none", "gaussian", "dropout"] = "dropout"  # noise of the inputs in training
    deviation: PositiveFloat = 0.3  # standard deviation of Gaussian noise
    codings: PositiveInt = tune.integer(10, 60, default=30)  # dimension of the code
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=1e-3)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 10
    batch_size: PositiveInt = 50
    train_size: PositiveInt = 55_000  # number of training images


SCORE = "test error_without_half"
SMOKE = {"epochs": 1, "train_size": 2000}
ANSWER = """Yes: the squared error of images without half of their pixels is {score[dropout]} after training with
missing pixels, {score[gaussian]} with Gaussian noise, and {score[none]} without noise ({seeds} seeds). That of complete
images is {column[dropout/test mean_squared_error]}, {column[gaussian/test mean_squared_error]} and
{column[none/test mean_squared_error]}."""
VARIANTS = {name: {"noise": name} for name in ("none", "gaussian", "dropout")}
COLUMNS = ("test mean_squared_error",)


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28) in [0, 1], which are both inputs and targets."""
    images = {split: load("fashion_mnist", split=split).features for split in ("train", "validation", "test")}
    images["train"] = images["train"][: config.train_size]
    return {split: (part, part) for split, part in images.items()}


def build_model(config: Config) -> keras.Model:
    """Builds a stacked autoencoder with noise before its encoder."""
    noise = {"none": [], "gaussian": [layers.GaussianNoise(config.deviation)], "dropout": [Dropout(0.5)]}[config.noise]
    stacked = autoencoder("stacked", code=config.codings)
    networks = [stacked.get_layer(name) for name in ("encoder", "decoder")]
    return keras.Sequential([keras.Input((28, 28)), *noise, *networks])


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer that minimizes the binary cross-entropy of the pixels."""
    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"))
    return Trainer(build_model(config), optimizer, "binary_crossentropy", ["mean_squared_error"], jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the error of images without half of their pixels, and plots ten of them with their reconstructions."""
    images = data["test"][0]
    kept = np.random.default_rng(0).random(images.shape) < 0.5
    restored = trainer.predict(2 * images * kept)  # as bright as complete images, like those of dropout in training
    figure = Figure(figsize=(10, 2.2), layout="constrained")
    both = np.concatenate([(images * kept)[:10], restored[:10]])
    for panel, image in zip(figure.subplots(2, 10).flat, both, strict=True):
        panel.imshow(image, cmap="gray_r", vmin=0, vmax=1)
        panel.set_axis_off()
    run.save_figure(figure, "denoised.png")
    return {"test": {"error_without_half": float(np.mean((restored - images) ** 2))}}


if __name__ == "__main__":
    run_script(__file__)
