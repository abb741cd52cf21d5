"""Two convolutional networks against each other: one paints clothes from noise, the other tells them from real ones.

Data: Fashion-MNIST, 55,000 images to learn from and 10,000 to compare with (Zalando, MIT); labels are not used
Command: tensorsmith run gan/fashion_mnist
Score: test frechet_distance 27.8
Seconds: 145 on 2 cores
Seed: 0

`samples/` in the run folder gets a grid of pictures each epoch, from the same noise; `model.keras` is the generator.
The Fréchet distance is taken between the 64 leading principal components of test and painted images; that of other real
images stands beside it. Deep convolutional GAN (Radford et al., 2016), non-saturating loss (Goodfellow et al., 2014).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jsonargparse.typing import NonNegativeInt, OpenUnitInterval, PositiveFloat, PositiveInt

if TYPE_CHECKING:
    import keras
    import numpy as np

    from tensorsmith.core.types import Logs, Tensor
    from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config:
    """What can be changed."""

    codings: PositiveInt = 64  # numbers of noise that make a picture
    filters: PositiveInt = 32  # of the widest pictures' layers; the 7x7 ones have twice as many
    learning_rate: PositiveFloat = 4e-4  # of both Adams
    beta_1: OpenUnitInterval = 0.5  # of both Adams
    dropout: OpenUnitInterval = 0.3  # in the discriminator
    epochs: PositiveInt = 8  # passes over the training set
    batch_size: PositiveInt = 64  # real pictures per step, and as many painted ones
    train_size: PositiveInt = 55_000  # examples to learn from
    jit: bool | Literal["auto"] = "auto"  # compile the loop with XLA: true, false or auto (here: false)
    seed: NonNegativeInt = 0  # of weights, order and noise


SMOKE = {"epochs": 1, "train_size": 640, "filters": 4}


def build_data(config: Config) -> dict[str, Any]:
    """Images (n, 28, 28, 1) in [-1, 1]."""
    from tensorsmith.data import load

    images = load("fashion_mnist", split="train").features[: config.train_size]
    return {"train": 2 * images[..., None] - 1}


def build_model(config: Config) -> "keras.Model":
    """Generator and discriminator in one model with a training step of its own; calling it paints."""
    import keras
    from keras import layers, ops

    from tensorsmith.losses import minimax_discriminator_loss, non_saturating_generator_loss

    generator = keras.Sequential(
        [
            keras.Input((config.codings,)),
            layers.Dense(7 * 7 * 2 * config.filters),
            layers.Reshape((7, 7, 2 * config.filters)),
            layers.BatchNormalization(),
            layers.Conv2DTranspose(config.filters, 5, strides=2, padding="same", activation="selu"),
            layers.BatchNormalization(),
            layers.Conv2DTranspose(1, 5, strides=2, padding="same", activation="tanh"),
        ],
        name="generator",
    )
    discriminator = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(config.filters, 5, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Dropout(config.dropout),
            layers.Conv2D(2 * config.filters, 5, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Dropout(config.dropout),
            layers.Flatten(),
            layers.Dense(1),
        ],
        name="discriminator",
    )

    class GAN(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.generator, self.discriminator = generator, discriminator
            self.noise = keras.random.SeedGenerator(config.seed)
            self.critic_loss, self.painter_loss = keras.metrics.Mean("critic_loss"), keras.metrics.Mean("painter_loss")

        def call(self, noise: "Tensor", training: bool = False) -> "Tensor":
            return self.generator(noise, training=training)

        def train_step(self, data: tuple[Any]) -> dict[str, Any]:
            import tensorflow as tf

            (real,) = data
            noise = keras.random.normal((ops.shape(real)[0], self.generator.input_shape[-1]), seed=self.noise)
            with tf.GradientTape(persistent=True) as tape:
                painted = self.generator(noise, training=True)
                verdicts = self.discriminator(ops.concatenate([real, painted]), training=True)
                on_real, on_painted = ops.split(verdicts, 2)
                critic_loss = ops.mean(minimax_discriminator_loss(on_real, on_painted))
                painter_loss = ops.mean(non_saturating_generator_loss(on_painted))
            replicas = tf.distribute.get_strategy().num_replicas_in_sync  # whose gradients are added up
            for loss, network, optimizer in (
                (critic_loss, self.discriminator, self.critic_optimizer),
                (painter_loss, self.generator, self.optimizer),
            ):
                gradients = tape.gradient(loss, network.trainable_variables)
                optimizer.apply([gradient / replicas for gradient in gradients], network.trainable_variables)
            self.critic_loss.update_state(critic_loss)
            self.painter_loss.update_state(painter_loss)
            return {metric.name: metric.result() for metric in (self.critic_loss, self.painter_loss)}

    return GAN()


def build_trainer(config: Config) -> "Trainer":
    """One Adam for each network."""
    import keras

    from tensorsmith.training import Trainer

    gan = build_model(config)
    gan.critic_optimizer = keras.optimizers.Adam(config.learning_rate, beta_1=config.beta_1)
    return Trainer(gan, optimizer=keras.optimizers.Adam(config.learning_rate, beta_1=config.beta_1), jit=config.jit)


def callbacks(config: Config, folder: Path) -> list["keras.callbacks.Callback"]:
    """A grid of pictures after each epoch."""
    import keras

    noise = keras.random.normal((40, config.codings), seed=config.seed)
    (folder / "samples").mkdir(exist_ok=True)

    class Painter(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: "Logs | None" = None) -> None:
            save_grid(keras.ops.convert_to_numpy(self.model(noise)), folder / "samples" / f"epoch-{epoch + 1:03}.png")

    return [Painter()]


def save_grid(images: "np.ndarray", path: Path) -> None:
    """Writes 40 pictures as 4 rows of 10."""
    from matplotlib.image import imsave

    imsave(path, images[..., 0].reshape(4, 10, 28, 28).swapaxes(1, 2).reshape(112, 280), cmap="gray_r", vmin=-1, vmax=1)


def model_to_save(trainer: "Trainer") -> "keras.Model":
    """The generator, which is what one paints with and needs no class of this file."""
    return trainer.model.generator


def report(config: Config, trainer: "Trainer", data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The Fréchet distance of 10,000 painted images to the test images, and of as many training images."""
    import keras
    import numpy as np

    from tensorsmith.data import load
    from tensorsmith.metrics import FrechetDistance

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        metric = FrechetDistance(a.shape[1], dtype="float64")
        metric.update_state(a, b)
        return float(metric.result())

    test = 2 * load("fashion_mnist", split="test").features.reshape(-1, 784) - 1
    painted = trainer.predict(keras.random.normal((len(test), config.codings), seed=config.seed)).reshape(-1, 784)
    center = test.mean(axis=0)
    axes = np.linalg.eigh(np.cov(test.T))[1][:, -64:]
    features = [(images - center) @ axes for images in (test, painted, data["train"][: len(test)].reshape(-1, 784))]
    return {
        "test": {
            "frechet_distance": distance(features[0], features[1]),
            "frechet_distance_of_real_images": distance(features[0], features[2]),
        }
    }


if __name__ == "__main__":
    from tensorsmith.recipes import run_script

    run_script(__file__)
