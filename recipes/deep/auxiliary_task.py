"""How much does pretraining on a task without labels improve a classifier of Fashion-MNIST with 500 labels?

Data: Fashion-MNIST, 500 labelled training images and 20,000 without labels, 5,000 validation and 10,000 test images
Command: tensorsmith run deep/auxiliary_task

Comparison: tensorsmith compare deep/auxiliary_task --seeds 5 --parallel 2
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from jsonargparse.typing import PositiveFloat, PositiveInt
from keras import layers

import tensorsmith.tuning as tune
from tensorsmith.data import load, load_splits
from tensorsmith.optimizers import AdamW
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    task: Literal["none", "same_or_different", "masked_half"] = "masked_half"  # task of the pretraining
    labels: PositiveInt = 500  # number of labelled training images
    pretraining_size: PositiveInt = 20_000  # number of images without labels
    pretraining_epochs: PositiveInt = 20  # passes of the pretraining over its images
    learning_rate: PositiveFloat = tune.log_uniform(1e-4, 1e-2, default=1e-3)  # initial learning rate of AdamW
    epochs: PositiveInt = 40  # passes over the labelled images


SCORE = "test accuracy"
ANSWER = """Neither task improves the accuracy: the gains over a classifier without pretraining are {gain[masked_half]}
for masked_half and {gain[same_or_different]} for same_or_different ({seeds} seeds)."""
SMOKE = {"pretraining_size": 640, "pretraining_epochs": 1, "epochs": 2}
VARIANTS = {name: {"task": name} for name in ("none", "same_or_different", "masked_half")}


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    """Builds an encoder, and trains it on the auxiliary task."""
    encoder = build_encoder()
    if config.task != "none":
        model, *examples = auxiliary_task(encoder, config)
        trainer, data = trainer_of(model, "binary_crossentropy", config), {"train": tuple(examples)}
        run.train("encoder", trainer, data, epochs=config.pretraining_epochs, batch_size=128)
    return {"encoder": encoder}


def build_data(config: Config, prepared: dict[str, Any]) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28) in [0, 1] and labels from 0 to 9."""
    return load_splits("fashion_mnist", train_size=config.labels)


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    """Builds an encoder, which is pretrained unless the task is "none", and a softmax layer."""
    return keras.Sequential([keras.Input((28, 28)), prepared["encoder"], keras.layers.Dense(10, "softmax")])


def build_encoder() -> keras.Model:
    """Builds a network that maps an image to 100 features."""
    hidden = [layers.Dense(units, "relu", kernel_initializer="he_normal") for units in (300, 100)]
    return keras.Sequential([keras.Input((28, 28)), layers.Flatten(), *hidden], name="encoder")


def auxiliary_task(encoder: keras.Model, config: Config) -> tuple[keras.Model, Any, Any]:
    """Returns a model that contains the encoder, and the inputs and targets of the task.

    same_or_different: Are two images, which are shifted by up to 2 pixels and noisy, distorted copies of one image?
    masked_half: What does the hidden half of an image (left, right, upper or lower) look like?
    """
    generator = np.random.default_rng(config.seed)
    images = load("fashion_mnist").features[: config.pretraining_size]
    if config.task == "masked_half":
        image = keras.Input((28, 28))
        masks = np.ones((4, 28, 28), "float32")
        masks[0, :14], masks[1, 14:], masks[2, :, :14], masks[3, :, 14:] = 0, 0, 0, 0
        output = keras.layers.Reshape((28, 28))(keras.layers.Dense(784, "sigmoid")(encoder(image)))
        return keras.Model(image, output), images * masks[generator.integers(0, 4, len(images))], images
    first, second = keras.Input((28, 28)), keras.Input((28, 28))
    difference = keras.ops.abs(encoder(first) - encoder(second))
    model = keras.Model([first, second], keras.layers.Dense(1, "sigmoid")(difference))
    same = generator.random(len(images)) < 0.5
    others = np.where(same, np.arange(len(images)), generator.permutation(len(images)))
    return model, [distorted(images, generator), distorted(images[others], generator)], same[:, None] * 1.0


def distorted(images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Returns images shifted by up to 2 pixels in each direction, with noise."""
    rows, columns = generator.integers(-2, 3, (2, len(images)))
    shifted = np.empty_like(images)
    for row in range(-2, 3):
        for column in range(-2, 3):
            chosen = (rows == row) & (columns == column)
            shifted[chosen] = np.roll(images[chosen], (row, column), (1, 2))
    return shifted + generator.normal(0, 0.1, images.shape).astype("float32")


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    """Builds a trainer of the classifier."""
    return trainer_of(build_model(config, prepared), "sparse_categorical_crossentropy", config)


def trainer_of(model: keras.Model, loss: str, config: Config) -> Trainer:
    """Returns a trainer with AdamW and a cosine schedule."""
    optimizer = AdamW(CosineDecay(config.learning_rate, "100%"))
    return Trainer(model, optimizer, loss, metrics=["accuracy"], jit=config.jit)


if __name__ == "__main__":
    run_script(__file__)
