"""Which variant of a variational autoencoder explains images best, and how many dimensions does its code use?

Data: Fashion-MNIST, 55,000 / 5,000 / 10,000 images of 28x28 pixels in black and white (Zalando, MIT)
Command: tensorsmith run autoencoder/variational_compared

Comparison: tensorsmith compare autoencoder/variational_compared --seeds 1

`book` has the networks of Géron (2019, chapter 17). Its weight of the divergence is 1 from the beginning; in `warm-up`,
it increases from 0 to 1 (Bowman et al., 2016), and in `free bits`, the divergence of a dimension below a threshold is
not penalized (Kingma et al., 2016). `wide` has more ReLU units, and `map` a code of two dimensions, whose images
`map.png` in the run folder shows on a grid of equal probabilities. The score is the negative evidence lower bound in
nats per image, and `negative_log_likelihood` the importance-weighted bound of 20 samples. Pixels are drawn once, with
their gray value as the probability of 1. A dimension is used if the variance of its mean over test images is above
0.01.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from jsonargparse.typing import NonNegativeFloat, PositiveFloat, PositiveInt
from keras import layers
from matplotlib.figure import Figure
from scipy.stats import norm

import tensorsmith.tuning as tune
from tensorsmith.data import load
from tensorsmith.models import VariationalAutoencoder
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay, Linear
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    units: tuple[PositiveInt, ...] = (150, 100)  # units of the encoder's hidden layers, mirrored by the decoder
    activation: str = "selu"  # activation of the hidden layers
    codings: PositiveInt = tune.integer(2, 40, default=10)  # dimension of the code
    warm_up: bool = False  # increase the weight of the divergence from 0 to 1 in the first fifth of the training
    free_bits: NonNegativeFloat = 0.0  # divergence of a dimension in nats that is not penalized
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 3e-3, default=2e-3)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 40
    batch_size: PositiveInt = 125  # divides the number of images, so that all batches have the same shape
    train_size: PositiveInt = 55_000  # number of training images


SCORE = "test negative_elbo"
SMOKE = {"epochs": 1, "train_size": 3000}
VARIANTS = {
    "book": {},
    "warm-up": {"warm_up": True},
    "free bits": {"free_bits": 0.5},
    "wide": {"units": (512, 256), "activation": "relu", "codings": 20, "learning_rate": 1e-3},
    "map": {"codings": 2},
}
COLUMNS = ("test negative_log_likelihood", "test used_dimensions")
ANSWER = """The negative lower bound is {score[book]} nats with the networks of the book, {score[warm-up]} with warm-up,
{score[free bits]} with free bits, {score[wide]} with wider networks and {score[map]} with a code of two dimensions.
They use {column[book/test used_dimensions]}, {column[warm-up/test used_dimensions]},
{column[free bits/test used_dimensions]}, {column[wide/test used_dimensions]} and {column[map/test used_dimensions]}
dimensions ({seeds} seed)."""


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
    initializer = "lecun_normal" if config.activation == "selu" else "he_normal"

    def hidden(x: Any, units: tuple[int, ...]) -> Any:
        for count in units:
            x = layers.Dense(count, config.activation, kernel_initializer=initializer)(x)
        return x

    images, codes = keras.Input((28, 28)), keras.Input((config.codings,))
    features = hidden(layers.Flatten()(images), config.units)
    moments = [layers.Dense(config.codings, name=name)(features) for name in ("mean", "log_variance")]
    logits = layers.Dense(28 * 28)(hidden(codes, config.units[::-1]))
    encoder = keras.Model(images, moments, name="encoder")
    decoder = keras.Model(codes, layers.Reshape((28, 28))(logits), name="decoder")
    return VariationalAutoencoder(encoder, decoder, free_bits=config.free_bits, seed=config.seed)


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with Adam, a cosine schedule and, for warm-up, a schedule of the weight of the divergence."""
    model = build_model(config)
    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"))
    schedules = {"beta": (model.beta, Linear(0.0, 1.0, "20%"))} if config.warm_up else {}
    return Trainer(model, optimizer, schedules=schedules, jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the importance-weighted bound and the number of used dimensions, and plots a map of the first two."""
    model = trainer.model
    weighted = VariationalAutoencoder(model.encoder, model.decoder, importance_samples=20, seed=config.seed)
    weighted.compile("adam")
    bounds = weighted.evaluate(data["test"][0], batch_size=250, return_dict=True, verbose=0)
    mean, _ = model.encoder.predict(data["test"][0], verbose=0)
    used = np.flatnonzero(mean.var(axis=0) > 0.01)
    quantiles = norm.ppf(np.linspace(0.03, 0.97, 16))
    codes = np.zeros((16, 16, config.codings), "float32")
    codes[..., used[0]], codes[..., used[1 if len(used) > 1 else 0]] = np.meshgrid(quantiles, quantiles)
    images = model.generate(codes.reshape(256, -1)).numpy().reshape(16, 16, 28, 28)
    figure = Figure(figsize=(6, 6), layout="constrained")
    panel = figure.subplots()
    panel.imshow(images.transpose(0, 2, 1, 3).reshape(16 * 28, 16 * 28), cmap="gray_r", vmin=0, vmax=1)
    panel.set(xticks=[], yticks=[], xlabel="first used dimension", ylabel="second used dimension")
    run.save_figure(figure, "map.png")
    scores = {"negative_log_likelihood": bounds["negative_log_likelihood"], "used_dimensions": len(used)}
    return {"test": scores}


if __name__ == "__main__":
    run_script(__file__)
