"""Fashion-MNIST classifier whose features measure the quality of generated images.

Data: Fashion-MNIST, 55,000 / 5,000 / 10,000 images of 28x28 pixels (Zalando, MIT)
Command: tensorsmith run gan/classifier
Weights: weights.npz

The Fréchet distance is usually computed on features of a network for ImageNet, which is unsuitable for clothes in gray.
The recipes of `gan` and `diffusion` use the features of this network instead, always with the recorded weights, which
are rounded to `float16`. A distance therefore can only be compared with other distances of this project. The scores of
training images in place of generated ones are the best that a generator can reach; those of a single batch that is
repeated show what a lack of diversity costs.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from jsonargparse.typing import PositiveFloat, PositiveInt
from keras import layers

import tensorsmith.tuning as tune
from tensorsmith.data import load_splits
from tensorsmith.models import sample_scores
from tensorsmith.optimizers import AdamW
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    filters: PositiveInt = 32  # filters of the first convolutions; the last ones have twice as many
    features: PositiveInt = 64  # units of the layer whose outputs are the features
    learning_rate: PositiveFloat = tune.log_uniform(5e-4, 5e-3, default=2e-3)  # initial rate of AdamW, decays to 0
    epochs: PositiveInt = 10
    batch_size: PositiveInt = 100
    train_size: PositiveInt = 55_000  # number of training images
    samples: PositiveInt = 10_000  # number of images whose scores are computed


SCORE = "test accuracy"
SMOKE = {"epochs": 2, "train_size": 1000, "filters": 4, "samples": 300}
ANSWER = """The accuracy on test images is {run[test accuracy]}. The Fréchet distance of training images is
{run[test frechet_distance_of_training_images]}, with a recall of {run[test recall_of_training_images]}; that of a
repeated batch is {run[test frechet_distance_of_repeated_batch]}, with a recall of
{run[test recall_of_repeated_batch]}."""


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28, 1) in [0, 1], and labels."""
    data = {split: (images[..., None], labels) for split, (images, labels) in load_splits("fashion_mnist").items()}
    return {**data, "train": tuple(part[: config.train_size] for part in data["train"])}


def build_model(config: Config) -> keras.Model:
    """Builds a convolutional network with a layer "features" before its logits."""
    x = inputs = keras.Input((28, 28, 1))
    for filters, strides in ((1, 1), (1, 2), (2, 1), (2, 2)):
        x = layers.Conv2D(filters * config.filters, 3, strides=strides, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(config.features, "relu", name="features")(x)
    return keras.Model(inputs, layers.Dense(10)(layers.Dropout(0.3)(x)))


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss and AdamW."""
    return Trainer(
        build_model(config),
        optimizer=AdamW(CosineDecay(config.learning_rate, "100%"), weight_decay=0.01),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit=config.jit,
    )


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Saves the rounded weights, and returns the scores of training images and of a repeated batch."""
    weights = [weight.astype("float16") for weight in trainer.model.get_weights()]
    np.savez_compressed(run.folder / "weights.npz", *weights)
    trainer.model.set_weights(weights)
    scores = {"accuracy_of_rounded_weights": trainer.evaluate(*data["test"])["accuracy"]}
    train, test = (data[split][0][: config.samples] for split in ("train", "test"))
    for name, images in (("training_images", train), ("repeated_batch", train[:64])):
        found = sample_scores(trainer.model, test, np.resize(images, test.shape))
        scores |= {f"{score}_of_{name}": value for score, value in found.items()}
    return {"test": scores}


if __name__ == "__main__":
    run_script(__file__)
