"""LeNet-5, as in the paper of 1998, on 3,500 handwritten digits.

Data: 5,000 digits of MNIST, 500 per class, in five folds of which the seed chooses one as test set (BSD-3-Clause)
Command: tensorsmith run cnn/lenet5

The second convolution is connected to some of the maps before, pooling has learned coefficients, and the output is the
squared distance to a fixed code of each digit (LeCun et al., 1998). Images are shifted, rotated and scaled at random,
as in one of the experiments of the paper. The seeds 0 to 4 are a five-fold cross-validation.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from jsonargparse.typing import PositiveFloat, PositiveInt
from sklearn.model_selection import StratifiedKFold

import tensorsmith.tuning as tune
from tensorsmith.data import load_splits
from tensorsmith.data.pipelines import map_with_seed
from tensorsmith.image import augment
from tensorsmith.models import lenet5
from tensorsmith.optimizers import SGD
from tensorsmith.recipes import TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    size: Literal["original", "modern"] = "original"  # version of the network, see `tensorsmith.models.lenet5`
    learning_rate: PositiveFloat = tune.log_uniform(1e-3, 0.1, default=0.04)  # initial rate of SGD, decays to 0
    epochs: PositiveInt = 60
    batch_size: PositiveInt = 32
    train_size: PositiveInt = 3_500  # number of training examples


SCORE = "test accuracy"
SMOKE = {"epochs": 2, "train_size": 640}
ANSWER = "The network of 1998 reaches a test accuracy of {run[test accuracy]} with 3,500 training images."


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 32, 32, 1) in [0, 1] and labels. The training images are augmented."""
    splits = load_splits("mnist_5k").values()
    images, labels = (np.concatenate(parts) for parts in zip(*splits, strict=True))
    images = np.pad(images[..., None], [(0, 0), (2, 2), (2, 2), (0, 0)])
    folds = list(StratifiedKFold(5, shuffle=True, random_state=0).split(images, labels))
    rest, test = folds[config.seed % 5]
    validation, train = rest[:500], rest[500:][: config.train_size]
    change = augment.random_affine(rotation=10, zoom=(0.9, 1.1), translation=0.08)
    batches = tf.data.Dataset.from_tensor_slices((images[train], labels[train]))
    batches = batches.shuffle(len(train), seed=config.seed).batch(config.batch_size, drop_remainder=True)
    augmented = map_with_seed(lambda seed, images, labels: (change(seed, images), labels), seed=config.seed)
    return {
        "train": batches.apply(augmented),
        "validation": (images[validation], labels[validation]),
        "test": (images[test], labels[test]),
    }


def build_model(config: Config) -> keras.Model:
    """Builds LeNet-5 for images of 32 x 32 pixels."""
    return lenet5(config.size, classifier_activation=None)


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss and SGD with momentum."""
    return Trainer(
        build_model(config),
        optimizer=SGD(CosineDecay(config.learning_rate, "100%"), momentum=0.9, global_clipnorm=1.0),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit=config.jit,
    )


if __name__ == "__main__":
    run_script(__file__)
