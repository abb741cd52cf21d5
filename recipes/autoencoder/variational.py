"""Fashion-MNIST with a variational autoencoder, whose decoder generates new images.

Data: Fashion-MNIST, 55,000 / 5,000 / 10,000 images of 28x28 pixels in black and white (Zalando, MIT)
Command: tensorsmith run autoencoder/variational
Figure: generated.png

The networks are those of Géron (2019, chapter 17). Each pixel is drawn once as 0 or 1, with its gray value as the
probability of 1, so that the bounds are likelihoods of data. The score is the negative evidence lower bound in nats per
image. A dimension of the code is used if the variance of its mean over test images is above 0.01 (Burda et al., 2016).
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from jsonargparse.typing import PositiveFloat, PositiveInt
from keras import layers
from matplotlib.figure import Figure

import tensorsmith.tuning as tune
from tensorsmith.data import load
from tensorsmith.models import VariationalAutoencoder
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    units: tuple[PositiveInt, ...] = (150, 100)  # units of the encoder's hidden layers (SELU), mirrored by the decoder
    codings: PositiveInt = tune.integer(2, 40, default=10)  # dimension of the code
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 3e-3, default=2e-3)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 50
    batch_size: PositiveInt = 125  # divides the number of images, so that all batches have the same shape
    train_size: PositiveInt = 55_000  # number of training images


SCORE = "test negative_elbo"
SMOKE = {"epochs": 1, "train_size": 3000}


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28), which are both inputs and targets, and draws their pixels."""
    random = np.random.default_rng(0)
    data = {}
    for split in ("train", "validation", "test"):
        gray = load("fashion_mnist", split=split).features[: config.train_size if split == "train" else None]
        data[split] = ((random.random(gray.shape) < gray).astype("float32"),) * 2
    return data


def build_model(config: Config) -> keras.Model:
    """Builds an encoder with two outputs, and a decoder that returns the logits of the pixels."""

    def hidden(x: Any, units: tuple[int, ...]) -> Any:
        for count in units:
            x = layers.Dense(count, "selu", kernel_initializer="lecun_normal")(x)
        return x

    images, codes = keras.Input((28, 28)), keras.Input((config.codings,))
    features = hidden(layers.Flatten()(images), config.units)
    moments = [layers.Dense(config.codings, name=name)(features) for name in ("mean", "log_variance")]
    logits = layers.Dense(28 * 28)(hidden(codes, config.units[::-1]))
    encoder = keras.Model(images, moments, name="encoder")
    decoder = keras.Model(codes, layers.Reshape((28, 28))(logits), name="decoder")
    return VariationalAutoencoder(encoder, decoder, seed=config.seed)


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with Adam and a cosine schedule. The loss is that of the model."""
    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"))
    return Trainer(build_model(config), optimizer, jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Plots generated images of random codes, and of 5 x 7 codes interpolated between 3 x 4 random ones."""
    model = trainer.model
    codes = keras.random.normal((3, 4, config.codings), seed=config.seed)
    between = keras.ops.image.resize(codes, (5, 7), interpolation="bilinear")
    between = keras.ops.reshape(between, (35, config.codings))
    images = np.concatenate([model.generate(35, seed=config.seed), model.generate(between)])
    figure = Figure(figsize=(10, 4), layout="constrained")
    halves = figure.subfigures(1, 2)
    for half, title, part in zip(halves, ("random codes", "interpolated codes"), np.split(images, 2), strict=True):
        half.suptitle(title)
        for panel, image in zip(half.subplots(5, 7).flat, part, strict=True):
            panel.imshow(image, cmap="gray_r", vmin=0, vmax=1)
            panel.set_axis_off()
    run.save_figure(figure, "generated.png")
    mean, _ = model.encoder.predict(data["test"][0], verbose=0)
    return {"test": {"used_dimensions": int(np.sum(mean.var(axis=0) > 0.01))}}


if __name__ == "__main__":
    run_script(__file__)
