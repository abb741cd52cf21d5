"""Which architecture learns most from equally many multiplications, on 10,000 images of Fashion-MNIST?

Data: the first 10,000 training images of Fashion-MNIST, padded to 32x32 pixels, 5,000 validation and 10,000 test images
Command: tensorsmith run cnn/architectures

Comparison: tensorsmith compare cnn/architectures --seeds 2 --parallel 2

All networks train with equally many multiplications: a network that needs twice as many per image, as counted by
`model_budget` of `tensorsmith.models`, sees half as many images. The peak learning rate of the one-cycle policy is
chosen on validation data.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from jsonargparse.typing import PositiveFloat, PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.data import load_splits
from tensorsmith.models import alexnet, convnext, googlenet, model_budget, resnet, vgg, vit, xception
from tensorsmith.optimizers import AdamW
from tensorsmith.recipes import TrainingSettings, run_script
from tensorsmith.schedules import OneCycle
from tensorsmith.training import Trainer

Name = Literal["alexnet", "vgg", "inception", "resnet", "se_resnet", "xception", "convnext", "vit"]


@dataclass(frozen=True)
class Config(TrainingSettings):
    architecture: Name = "resnet"  # network, see `build_model`
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=4e-3)  # peak learning rate of AdamW
    multiplications: PositiveFloat = 6e10  # multiplications of the forward passes in the whole training
    epochs: PositiveInt = 5  # parts of the training, each followed by an evaluation on validation data
    batch_size: PositiveInt = 8  # small, so that there are many steps, in which the moving averages converge
    train_size: PositiveInt = 10_000  # number of training images
    evaluation_size: PositiveInt = 10_000  # maximum number of validation and of test images


SCORE = "test accuracy"
SMOKE = {"architecture": "vgg", "epochs": 1, "multiplications": 2e9, "evaluation_size": 200}
ANSWER = """With equally many multiplications, {best} is best ({ranking}; {seeds} seeds)."""
VARIANTS = {name: {"architecture": name} for name in Name.__args__}
GRID = {"learning_rate": (1e-3, 4e-3)}
SHAPE = (32, 32, 1)


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 32, 32, 1) in [0, 1] and labels. An epoch is a part of the repeated training set."""
    splits = load_splits("fashion_mnist", train_size=config.train_size)
    data = {
        split: (np.pad(images, [(0, 0), (2, 2), (2, 2)])[..., None], labels)
        for split, (images, labels) in splits.items()
    }
    images = config.multiplications / (model_budget(build_model(config)).multiplications or 1)
    steps = max(1, round(images / config.batch_size / config.epochs))
    repeated = tf.data.Dataset.from_tensor_slices(data["train"]).shuffle(config.train_size, seed=config.seed).repeat()
    return {**data, "train": repeated.batch(config.batch_size).take(steps)}


def build_model(config: Config) -> keras.Model:
    """Builds a network for 10 classes, whose width gives it 4 to 13 million multiplications per image."""
    match config.architecture:
        case "alexnet":
            return alexnet("alexnet", SHAPE, 10, width=0.1, stem="small")
        case "vgg":
            return vgg("11", SHAPE, 10, width=0.15)
        case "inception":
            return googlenet(SHAPE, 10, width=0.05, stem="small", normalization="batch")
        case "resnet":
            return resnet("18", SHAPE, 10, width=0.1, stem="small")
        case "se_resnet":
            return resnet("18", SHAPE, 10, width=0.1, stem="small", squeeze_ratio=4)
        case "xception":
            return xception(SHAPE, 10, width=0.1, stem="small", middle=2)
        case "convnext":
            return convnext("atto", SHAPE, 10, width=0.3, stem="small")
        case _:
            return vit("tiny", SHAPE, 10, width=0.25, patch_size=4, blocks=4)


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss, and AdamW with the one-cycle policy."""
    optimizer = AdamW(OneCycle(config.learning_rate / 10, config.learning_rate, "100%"), weight_decay=0.05)
    return Trainer(build_model(config), optimizer, "sparse_categorical_crossentropy", ["accuracy"], jit=config.jit)


if __name__ == "__main__":
    run_script(__file__)
