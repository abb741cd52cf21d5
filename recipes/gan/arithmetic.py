"""Which code changes the class of a generated image? Arithmetic with the codes of a GAN.

Data: Fashion-MNIST, 55,000 training images, labels are not used (Zalando, MIT)
Command: tensorsmith run gan/arithmetic
Figure: changed.png

The generator of a DCGAN learns a space of codes without labels. In this space, the difference between the mean codes of
two classes turns an image of one class into an image of the other (Radford et al., 2016, for faces). The recorded
classifier of `gan/classifier` assigns classes to generated images: those of one half of the codes for the means, and
those of the other half for the images that are changed. `changed` is the fraction of the latter that have the other
class after `factor` times the difference was added, over all pairs of classes, and `three_codes` the same for means of
three codes, as in the paper. The figure shows the differences with factors from 0 to 3 for some pairs.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from jsonargparse.typing import ClosedUnitInterval, NonNegativeFloat, OpenUnitInterval, PositiveFloat, PositiveInt
from matplotlib.figure import Figure

import tensorsmith.tuning as tune
from tensorsmith.data import load
from tensorsmith.models import GAN, dcgan_discriminator, dcgan_generator
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.training import Trainer

NAMES = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")
PAIRS = ((0, 2), (2, 4), (3, 1), (7, 9), (9, 5), (8, 6))  # in the figure


@dataclass(frozen=True)
class Config(TrainingSettings):
    codings: PositiveInt = 64  # dimension of the codes
    filters: tuple[PositiveInt, ...] = (64, 32)  # feature maps of the generator, mirrored by the discriminator
    dropout: OpenUnitInterval = 0.4  # dropout rate in the discriminator
    average: ClosedUnitInterval = 0.998  # decay of the moving average of the generator's weights
    learning_rate: PositiveFloat = tune.log_uniform(1e-4, 1e-3, default=4e-4)  # learning rate of both Adam optimizers
    factor: NonNegativeFloat = 2.0  # factor of the differences
    confidence: OpenUnitInterval = 0.8  # least probability of the class of an image
    epochs: PositiveInt = 4
    batch_size: PositiveInt = 50  # real images per step, and as many generated ones
    train_size: PositiveInt = 55_000  # number of training images
    samples: PositiveInt = 10_000  # number of generated images


SCORE = "test changed"
SMOKE = {"epochs": 1, "train_size": 500, "filters": (8, 4), "samples": 400, "confidence": 0.01}
ANSWER = """Twice the difference between the mean codes of two classes turns a fraction of {run[test changed]} of the
images into images of the other class, the difference itself {run[test changed_by_one]}, and three times the difference
{run[test changed_by_three]}. With means of three codes, twice the difference changes {run[test three_codes]}. In the
figure, some images fall apart at more than the difference itself."""


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28, 1), scaled to [-1, 1]."""
    return {"train": 2 * load("fashion_mnist", split="train").features[: config.train_size, ..., None] - 1}


def build_model(config: Config) -> keras.Model:
    """Builds a small DCGAN, whose networks are trained on the same generated images."""
    generator = dcgan_generator(config.codings, filters=config.filters)
    discriminator = dcgan_discriminator(filters=config.filters[::-1], dropout=config.dropout)
    return GAN(generator, discriminator, simultaneous=True, average=config.average, seed=config.seed)


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with a separate Adam optimizer for each network."""
    return Trainer(build_model(config), keras.optimizers.Adam(config.learning_rate, 0.5), jit=config.jit)


def model_to_save(trainer: Trainer) -> keras.Model:
    """Returns the generator with averaged weights, which can be loaded without custom classes."""
    return trainer.model.averaged_generator or trainer.model.generator


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the fractions of images whose class was changed, and plots some of them."""
    classifier = run.recorded("gan/classifier")

    def images_of(codes: np.ndarray) -> np.ndarray:
        return (trainer.predict(codes.astype("float32")) + 1) / 2

    def changed(means: np.ndarray, factor: float) -> float:
        pairs = [(old, new) for old in range(10) for new in range(10) if old != new]
        moved = [sources[old] + factor * (means[new] - means[old]) for old, new in pairs]
        classes = classifier.predict(images_of(np.concatenate(moved)), verbose=0).argmax(axis=1)
        expected = np.repeat([new for _, new in pairs], [len(part) for part in moved])
        return float(np.mean(classes == expected))

    codes = np.random.default_rng(config.seed).normal(size=(config.samples, config.codings))
    probabilities = classifier.predict(images_of(codes), verbose=0)
    classes, sure = probabilities.argmax(axis=1), probabilities.max(axis=1) >= config.confidence
    first, second = np.arange(len(codes)) % 2 == 0, np.arange(len(codes)) % 2 == 1
    means = np.zeros((10, config.codings))
    sources, few = [], means.copy()
    for number in range(10):
        of_class = sure & (classes == number)
        if np.any(of_class & first):  # an untrained generator does not return all classes
            means[number] = codes[of_class & first].mean(axis=0)
            few[number] = codes[of_class & first][:3].mean(axis=0)
        sources.append(codes[of_class & second][:50])
    figure = Figure(figsize=(6, 5), layout="constrained")
    panels, factors = figure.subplots(len(PAIRS), 7), np.linspace(0, 3, 7)[:, None]
    for panel, factor in zip(panels[0], factors[:, 0], strict=True):
        panel.set_title(f"{factor:g}")
    for row, (old, new) in zip(panels, PAIRS, strict=True):
        code = sources[old][0] if len(sources[old]) else codes[0]
        for panel, image in zip(row, images_of(code + factors * (means[new] - means[old])), strict=True):
            panel.imshow(image[..., 0], cmap="gray_r")
            panel.set(xticks=[], yticks=[])
        row[0].set_ylabel(f"{NAMES[old]}\nto {NAMES[new]}", rotation=0, ha="right", va="center")
    run.save_figure(figure, "changed.png")
    return {
        "test": {
            "changed": changed(means, config.factor),
            "changed_by_one": changed(means, 1.0),
            "changed_by_three": changed(means, 3.0),
            "three_codes": changed(few, config.factor),
        }
    }


if __name__ == "__main__":
    run_script(__file__)
