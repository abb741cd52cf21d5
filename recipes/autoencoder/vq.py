"""Fashion-MNIST with a vector-quantized autoencoder (VQ-VAE), whose code consists of integers.

Data: Fashion-MNIST, 55,000 / 5,000 / 10,000 images of 28x28 pixels, labels are not used (Zalando, MIT)
Command: tensorsmith run autoencoder/vq
Figure: reconstructed.png

The encoder returns 7 x 7 vectors, each of which is replaced by the nearest one of a codebook (van den Oord et al.,
2017). The gradient skips this step. The codebook is the moving average of the vectors that were assigned to its
entries, as in the appendix of the paper. An entry that is hardly used is replaced by a vector of the batch.
`perplexity` is the effective number of entries that test images use, and `bits` the size of the code of an image.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from jsonargparse.typing import NonNegativeFloat, OpenUnitInterval, PositiveFloat, PositiveInt
from keras import layers, ops
from matplotlib.figure import Figure

import tensorsmith.tuning as tune
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.data import load
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    filters: tuple[PositiveInt, PositiveInt] = (32, 64)  # filters of the convolutions
    entries: PositiveInt = tune.integer(16, 512, default=128)  # size of the codebook
    features: PositiveInt = 16  # dimension of the vectors
    commitment: NonNegativeFloat = 0.25  # weight of the squared distance of vectors from their entries
    decay: OpenUnitInterval = 0.99  # decay of the moving averages
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=2e-3)  # initial rate of Adam, decays to 0
    epochs: PositiveInt = 5
    batch_size: PositiveInt = 100
    train_size: PositiveInt = 55_000  # number of training images


SCORE = "test mean_squared_error"
SMOKE = {"epochs": 1, "train_size": 1000, "filters": (4, 8)}


@keras.saving.register_keras_serializable(package="recipes")
class VectorQuantizer(layers.Layer):
    """Replaces vectors by the nearest entries of a codebook, with the gradient of the identity.

    Args:
        entries: Number of entries of the codebook.
        commitment: Weight of the loss that keeps the vectors near their entries.
        decay: Decay of the moving averages that form the codebook.
        seed: Integer to seed the choice of vectors that replace unused entries.
    """

    def __init__(self, entries: int, commitment: float, decay: float, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.entries, self.commitment, self.decay, self.seed = entries, commitment, decay, seed
        self.seeds = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Shape) -> None:
        shape = (self.entries, input_shape[-1])
        self.sums = self.add_weight(shape=shape, initializer="random_normal", trainable=False, name="sums")
        self.counts = self.add_weight(shape=shape[:1], initializer="ones", trainable=False, name="counts")

    def codes(self, inputs: Tensor) -> Tensor:
        """Returns the index of the nearest entry for each vector."""
        book = self.codebook()
        return ops.argmin(ops.sum(ops.square(book), axis=-1) - 2 * ops.matmul(inputs, ops.transpose(book)), axis=-1)

    def codebook(self) -> Tensor:
        """Returns the entries, of shape (entries, features)."""
        return self.sums / self.counts[:, None]

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        codes = self.codes(inputs)
        entries = ops.take(self.codebook(), codes, axis=0)
        self.add_loss(self.commitment * ops.mean(ops.square(ops.stop_gradient(entries) - inputs)))
        if training:
            self.update(ops.stop_gradient(ops.reshape(inputs, (-1, inputs.shape[-1]))), ops.reshape(codes, (-1,)))
        return inputs + ops.stop_gradient(entries - inputs)

    def update(self, vectors: Tensor, codes: Tensor) -> None:
        """Moves the averages toward the assigned vectors, and replaces entries that are hardly used."""
        assigned = ops.one_hot(codes, self.entries)
        counts = self.decay * self.counts + (1 - self.decay) * ops.sum(assigned, axis=0)
        sums = self.decay * self.sums + (1 - self.decay) * ops.matmul(ops.transpose(assigned), vectors)
        chosen = keras.random.randint((self.entries,), 0, ops.shape(vectors)[0], seed=self.seeds)
        unused = counts < 0.1
        self.counts.assign(ops.where(unused, 1.0, counts))
        self.sums.assign(ops.where(unused[:, None], ops.take(vectors, chosen, axis=0), sums))

    def get_config(self) -> dict[str, Any]:
        names = ("entries", "commitment", "decay", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28, 1) in [0, 1], which are both inputs and targets."""
    images = {split: load("fashion_mnist", split=split).features for split in ("train", "validation", "test")}
    images["train"] = images["train"][: config.train_size]
    return {split: (part[..., None],) * 2 for split, part in images.items()}


def build_model(config: Config) -> keras.Model:
    """Builds an encoder and a decoder of convolutions, with the quantizer between them."""
    first, second = config.filters
    inputs = keras.Input((28, 28, 1))
    x = layers.Conv2D(first, 4, strides=2, padding="same", activation="relu")(inputs)
    x = layers.Conv2D(second, 4, strides=2, padding="same", activation="relu")(x)
    x = layers.Conv2D(config.features, 1, name="vectors")(x)
    x = VectorQuantizer(config.entries, config.commitment, config.decay, config.seed, name="quantizer")(x)
    x = layers.Conv2D(second, 3, padding="same", activation="relu")(x)
    x = layers.Conv2DTranspose(first, 4, strides=2, padding="same", activation="relu")(x)
    return keras.Model(inputs, layers.Conv2DTranspose(1, 4, strides=2, padding="same")(x))


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer that minimizes the squared error of the pixels."""
    optimizer = keras.optimizers.Adam(CosineDecay(config.learning_rate, "100%"))
    return Trainer(build_model(config), optimizer, "mse", ["mean_squared_error"], jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns how many entries test images use, and plots test images, their codes and their reconstructions."""
    model, images = trainer.model, data["test"][0]
    vectors = keras.Model(model.input, model.get_layer("vectors").output).predict(images, verbose=0)
    codes = ops.convert_to_numpy(model.get_layer("quantizer").codes(vectors))
    rates = np.bincount(codes.ravel(), minlength=config.entries) / codes.size
    perplexity = np.exp(-np.sum(rates * np.log(np.maximum(rates, 1e-12))))
    restored = trainer.predict(images[:10])
    figure = Figure(figsize=(9, 3), layout="constrained")
    gray = {"cmap": "gray_r", "vmin": 0, "vmax": 1}
    rows = ((gray, images[:10]), ({"cmap": "tab20"}, codes[:10]), (gray, restored))
    for panels, (options, part) in zip(figure.subplots(3, 10), rows, strict=True):
        for panel, image in zip(panels, part, strict=True):
            panel.imshow(image, **options)
            panel.set_axis_off()
    run.save_figure(figure, "reconstructed.png")
    bits = codes[0].size * np.log2(config.entries)
    return {"test": {"perplexity": float(perplexity), "bits": float(bits), "used_entries": int(np.sum(rates > 0))}}


if __name__ == "__main__":
    run_script(__file__)
