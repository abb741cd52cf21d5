"""Which pretraining without labels improves a classifier of Fashion-MNIST with few labels?

Data: Fashion-MNIST, 500 labeled images that depend on the seed, and 55,000 without labels (Zalando, MIT)
Command: tensorsmith run autoencoder/few_labels

Comparison: tensorsmith compare autoencoder/few_labels --seeds 5 --parallel 2

The hidden layers of a classifier are pretrained as the encoder of an autoencoder, as that of a denoising autoencoder,
in whose input half of the pixels are missing (Vincent et al., 2010), or as the discriminator of a GAN, without its last
layer (Radford et al., 2016). Then all layers are trained on the labeled images, with the same learning rate and number
of epochs for all variants. `excited.png` in the run folder shows the test images that excite some units of the last
hidden layer most: each row belongs to a unit.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from jsonargparse.typing import PositiveFloat, PositiveInt
from keras import layers
from matplotlib.figure import Figure

import tensorsmith.tuning as tune
from tensorsmith.data import load_splits
from tensorsmith.layers import Dropout
from tensorsmith.models import GAN
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    pretraining: Literal["none", "autoencoder", "denoising", "discriminator"] = "denoising"  # see above
    pretraining_epochs: PositiveInt = 10  # passes over the images without labels
    pretraining_size: PositiveInt = 55_000  # number of images without labels
    units: tuple[PositiveInt, ...] = (300, 100)  # units of the hidden layers (SELU), mirrored by decoder and generator
    codings: PositiveInt = 30  # dimension of the codes of the GAN
    learning_rate: PositiveFloat = tune.log_uniform(1e-4, 3e-3, default=3e-4)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 60
    train_size: PositiveInt = 500  # number of labeled images


SCORE = "test accuracy"
SMOKE = {"epochs": 1, "pretraining_epochs": 1, "pretraining_size": 1600}
ANSWER = """With 500 labels, the accuracy is {score[none]} without pretraining, {score[autoencoder]} after an
autoencoder ({gain[autoencoder]}), {score[denoising]} after a denoising autoencoder ({gain[denoising]}) and
{score[discriminator]} after a discriminator ({gain[discriminator]}; {seeds} seeds)."""
VARIANTS = {
    "none": {"pretraining": "none"},
    "autoencoder": {"pretraining": "autoencoder"},
    "denoising": {"pretraining": "denoising"},
    "discriminator": {"pretraining": "discriminator"},
}


def dense(units: int) -> keras.Layer:
    """Returns a dense layer with SELU activation."""
    return layers.Dense(units, "selu", kernel_initializer="lecun_normal")


def hidden_layers(config: Config) -> keras.Model:
    """Returns the hidden layers of the classifier."""
    return keras.Sequential([keras.Input((28, 28)), layers.Flatten(), *map(dense, config.units)], name="hidden_layers")


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    """Pretrains the hidden layers on images without labels."""
    if config.pretraining == "none":
        return {}
    hidden = hidden_layers(config)
    images = load_splits("fashion_mnist")["train"][0][: config.pretraining_size]
    to_image = [*map(dense, config.units[-2::-1]), layers.Dense(28 * 28, "sigmoid"), layers.Reshape((28, 28))]
    if config.pretraining == "discriminator":
        generator = keras.Sequential([keras.Input((config.codings,)), dense(config.units[-1]), *to_image])
        discriminator = keras.Sequential([hidden.inputs[0], hidden, layers.Dense(1)])
        trainer = Trainer(GAN(generator, discriminator), keras.optimizers.RMSprop(1e-3))
        data: Any = images
    else:
        noise = [Dropout(0.5)] if config.pretraining == "denoising" else []
        model = keras.Sequential([hidden.inputs[0], *noise, hidden, *to_image])
        optimizer = keras.optimizers.Adam(CosineDecay(1e-3, "100%"))
        trainer = Trainer(model, optimizer, "binary_crossentropy")
        data = images, images
    run.train("pretraining", trainer, {"train": data}, epochs=config.pretraining_epochs, batch_size=32)
    return {"hidden": hidden}


def build_data(config: Config, prepared: dict[str, Any]) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28) in [0, 1] and labels, with few labeled images that depend on the seed."""
    splits = load_splits("fashion_mnist")
    chosen = np.random.default_rng(config.seed).permutation(len(splits["train"][0]))[: config.train_size]
    splits["train"] = tuple(part[chosen] for part in splits["train"])
    return splits


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    """Builds a classifier of the hidden layers, batch normalization and a softmax layer."""
    hidden = prepared["hidden"] if config.pretraining != "none" else hidden_layers(config)
    return keras.Sequential([hidden.inputs[0], hidden, layers.BatchNormalization(), layers.Dense(10, "softmax")])


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer with cross-entropy loss, Adam and a cosine schedule."""
    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"))
    model = build_model(config, prepared)
    return Trainer(model, optimizer, "sparse_categorical_crossentropy", ["accuracy"], jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Plots the test images for which the activation of some units of the last hidden layer is highest."""
    images = data["test"][0]
    activations = trainer.model.get_layer("hidden_layers").predict(images, verbose=0)
    figure = Figure(figsize=(8, 6.4), layout="constrained")
    for unit, row in enumerate(figure.subplots(8, 10)):
        for panel, index in zip(row, np.argsort(-activations[:, unit])[:10], strict=True):
            panel.imshow(images[index], cmap="gray_r")
            panel.set_axis_off()
    run.save_figure(figure, "excited.png")
    return {}


if __name__ == "__main__":
    run_script(__file__)
