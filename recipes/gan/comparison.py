"""Which losses and stabilizers improve a small GAN at an equal number of steps?

Data: Fashion-MNIST, 10,000 of 55,000 training images, and 2,000 test images for the scores (Zalando, MIT)
Command: tensorsmith run gan/comparison

Comparison: tensorsmith compare gan/comparison --parallel 2

All variants have the networks of a small DCGAN. The losses are non-saturating and minimax (Goodfellow et al., 2014),
hinge (Lim and Ye, 2017), and Wasserstein with gradient penalty (Gulrajani et al., 2017). The stabilizers are added to
the non-saturating loss: `averaging` of the generator's weights (Yazici et al., 2019), `replay` of images that earlier
generators made, and `minibatch`, features that compare the images of a batch (Salimans et al., 2016). `collapsed` is
the fraction of runs whose images cover less than 1 % of the test images (recall).
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
from jsonargparse.typing import ClosedUnitInterval, NonNegativeFloat, PositiveFloat, PositiveInt
from keras import layers, ops
from matplotlib.figure import Figure

import tensorsmith.tuning as tune
from tensorsmith.core.types import Shape, Tensor
from tensorsmith.data import load
from tensorsmith.models import GAN, dcgan_discriminator, dcgan_generator, sample_scores
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    loss: Literal["non_saturating", "minimax", "hinge", "wasserstein"] = "non_saturating"  # losses of both networks
    penalty: NonNegativeFloat = 0.0  # weight of the gradient penalty
    dropout: ClosedUnitInterval = 0.4  # dropout rate in the discriminator
    average: ClosedUnitInterval = 0.0  # decay of the moving average of the generator's weights
    replay: bool = False  # train the discriminator on images of earlier generators as well
    minibatch: bool = False  # compare the images of a batch in the discriminator
    codings: PositiveInt = 32  # dimension of the codes
    filters: tuple[PositiveInt, ...] = (32, 16)  # feature maps of the generator, mirrored by the discriminator
    learning_rate: PositiveFloat = tune.log_uniform(1e-4, 1e-3, default=4e-4)  # learning rate of both Adam optimizers
    epochs: PositiveInt = 4
    batch_size: PositiveInt = 50  # real images per step, and as many generated ones
    train_size: PositiveInt = 10_000  # number of training images
    samples: PositiveInt = 2_000  # number of generated and of test images for the scores


SCORE = "test frechet_distance"
SMOKE = {"epochs": 1, "train_size": 500, "filters": (8, 4), "samples": 200}
VARIANTS = {
    "non-saturating": {},
    "minimax": {"loss": "minimax"},
    "hinge": {"loss": "hinge"},
    "wasserstein": {"loss": "wasserstein", "penalty": 10.0, "dropout": 0.0},
    "averaging": {"average": 0.995},
    "replay": {"replay": True},
    "minibatch": {"minibatch": True},
}
COLUMNS = ("test recall", "test collapsed")
ANSWER = """The Fréchet distance is {score[non-saturating]} with the non-saturating loss, {score[minimax]} with minimax,
{score[hinge]} with hinge and {score[wasserstein]} with Wasserstein and gradient penalty. With the non-saturating loss
and averaging it is {score[averaging]}, with replay {score[replay]} and with minibatch features {score[minibatch]}. In
this order, the recall is {column[non-saturating/test recall]}, {column[minimax/test recall]},
{column[hinge/test recall]}, {column[wasserstein/test recall]}, {column[averaging/test recall]},
{column[replay/test recall]} and {column[minibatch/test recall]}, and the fraction of collapsed runs
{column[non-saturating/test collapsed]}, {column[minimax/test collapsed]}, {column[hinge/test collapsed]},
{column[wasserstein/test collapsed]}, {column[averaging/test collapsed]}, {column[replay/test collapsed]} and
{column[minibatch/test collapsed]} ({seeds} seeds)."""


class ReplayGAN(GAN):
    """GAN whose discriminator is also trained on images from a buffer, which replace half of the generated ones.

    The buffer is filled at random positions, and initially contains gray images.
    """

    def __init__(self, *args: Any, capacity: int = 1000, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        shape = (capacity, *self.discriminator.input_shape[1:])
        self.buffer = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="buffer")

    def train_discriminator(self, real: Tensor, fake: Tensor, labels: Tensor | None = None) -> None:
        count, capacity = ops.shape(fake)[0], self.buffer.shape[0]
        read, written = (keras.random.randint((count,), 0, capacity, seed=self._seeds) for _ in range(2))
        replayed = keras.random.uniform((count, 1, 1, 1), seed=self._seeds) < 0.5
        mixed = ops.where(replayed, ops.take(self.buffer, read, axis=0), fake)
        self.buffer.assign(ops.scatter_update(self.buffer, written[:, None], fake))
        super().train_discriminator(real, mixed, labels)


@keras.saving.register_keras_serializable(package="recipes")
class MinibatchDiscrimination(layers.Layer):
    """Appends features that count the similar examples of the batch (Salimans et al., 2016).

    Args:
        kernels: Number of features that are appended.
        dimensions: Dimension of the space in which the distance is computed for each of them.
    """

    def __init__(self, kernels: int = 16, dimensions: int = 8, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kernels, self.dimensions = kernels, dimensions

    def build(self, input_shape: Shape) -> None:
        shape = (input_shape[-1], self.kernels * self.dimensions)
        self.projection = self.add_weight(shape=shape, initializer="glorot_uniform", name="projection")

    def call(self, inputs: Tensor) -> Tensor:
        points = ops.reshape(ops.matmul(inputs, self.projection), (-1, self.kernels, self.dimensions))
        distances = ops.sum(ops.abs(points[:, None] - points[None]), axis=-1)
        similar = ops.sum(ops.exp(-distances), axis=1) - 1  # without the example itself
        return ops.concatenate([inputs, similar], axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kernels": self.kernels, "dimensions": self.dimensions}


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28, 1), scaled to [-1, 1]."""
    return {"train": 2 * load("fashion_mnist", split="train").features[: config.train_size, ..., None] - 1}


def build_model(config: Config) -> keras.Model:
    """Builds the networks, which are trained in two phases."""
    generator = dcgan_generator(config.codings, filters=config.filters)
    discriminator = dcgan_discriminator(filters=config.filters[::-1], dropout=config.dropout)
    if config.minibatch:
        features = MinibatchDiscrimination()(discriminator.layers[-2].output)
        discriminator = keras.Model(discriminator.input, layers.Dense(1)(features))
    options = {"gradient_penalty": config.penalty, "average": config.average, "separate_batches": config.minibatch}
    model = ReplayGAN if config.replay else GAN
    return model(generator, discriminator, loss=config.loss, **options, seed=config.seed)


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with a separate Adam optimizer for each network."""
    return Trainer(build_model(config), keras.optimizers.Adam(config.learning_rate, 0.5), jit=config.jit)


def model_to_save(trainer: Trainer) -> keras.Model:
    """Returns the generator, which can be loaded without custom classes."""
    return trainer.model.averaged_generator or trainer.model.generator


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the scores of generated images and whether training has collapsed, and plots some of the images."""
    test = load("fashion_mnist", split="test").features[: config.samples, ..., None]
    fake = (trainer.predict(keras.random.normal((len(test), config.codings), seed=config.seed)) + 1) / 2
    figure = Figure(figsize=(6, 3), layout="constrained")
    for panel, image in zip(figure.subplots(4, 8).flat, fake, strict=False):
        panel.imshow(image[..., 0], cmap="gray_r")
        panel.set_axis_off()
    run.save_figure(figure, "samples.png")
    scores = sample_scores(run.recorded("gan/classifier"), test, fake)
    return {"test": {**scores, "collapsed": float(scores["recall"] < 0.01)}}


if __name__ == "__main__":
    run_script(__file__)
