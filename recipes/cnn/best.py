"""How accurate is a wide ResNet on Fashion-MNIST after nine epochs?

Data: Fashion-MNIST, 55,000 / 5,000 / 10,000 images of 28x28 pixels in 10 classes (Zalando, MIT)
Command: tensorsmith run cnn/best

A wide ResNet 16-2 (Zagoruyko and Komodakis, 2016) is trained with the one-cycle policy (Smith, 2018), flips,
shifts and erased rectangles.
"""

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from jsonargparse.typing import NonNegativeFloat, PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.data import load_splits
from tensorsmith.data.pipelines import map_with_seed
from tensorsmith.image import augment
from tensorsmith.models import wide_resnet
from tensorsmith.optimizers import SGD
from tensorsmith.recipes import TrainingSettings, run_script
from tensorsmith.schedules import OneCycle
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    width: PositiveFloat = 0.5  # factor of the numbers of filters of the wide ResNet 16-4
    learning_rate: PositiveFloat = tune.log_uniform(0.03, 1.0, default=0.2)  # peak of the one-cycle policy
    weight_decay: NonNegativeFloat = tune.log_uniform(1e-4, 2e-3, default=5e-4)  # decoupled weight decay of kernels
    epochs: PositiveInt = 9
    batch_size: PositiveInt = 128
    train_size: PositiveInt = 55_000  # number of training examples
    evaluation_size: PositiveInt = 10_000  # maximum number of validation and of test images


SCORE = "test accuracy"
SMOKE = {"epochs": 1, "train_size": 336, "batch_size": 16, "width": 0.125, "evaluation_size": 500}
ANSWER = "A wide ResNet 16-2 reaches a test accuracy of {run[test accuracy]} after 9 epochs."


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28, 1) in [0, 1] and labels. The training images are augmented."""
    splits = load_splits("fashion_mnist", train_size=config.train_size)
    data = {split: (images[..., None], labels) for split, (images, labels) in splits.items()}
    for split in ("validation", "test"):
        data[split] = tuple(each[: config.evaluation_size] for each in data[split])
    change = augment.chain(
        augment.random_flip(),
        augment.random_affine(translation=0.08),
        augment.keras_layer(keras.layers.RandomErasing(0.5, scale=(0.02, 0.2), fill_value=0.0)),
    )
    batches = tf.data.Dataset.from_tensor_slices(data["train"])
    batches = batches.shuffle(config.train_size, seed=config.seed).batch(config.batch_size, drop_remainder=True)
    augmented = map_with_seed(lambda seed, images, labels: (change(seed, images), labels), seed=config.seed)
    return {**data, "train": batches.apply(augmented)}


def build_model(config: Config) -> keras.Model:
    """Builds a wide ResNet for images of 28 x 28 pixels."""
    return wide_resnet("16-4", (28, 28, 1), classes=10, width=config.width)


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss, and SGD with Nesterov momentum and the one-cycle policy."""
    rate = OneCycle(config.learning_rate / 10, config.learning_rate, "100%", final_fraction=0.2)
    optimizer = SGD(rate, momentum=0.9, nesterov=True, weight_decay=config.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return Trainer(build_model(config), optimizer, "sparse_categorical_crossentropy", ["accuracy"], jit=config.jit)


if __name__ == "__main__":
    run_script(__file__)
