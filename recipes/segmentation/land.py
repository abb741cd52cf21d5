"""Segmentation of satellite images into ocean, land and lakes with a U-Net.

Data: 528 tiles of an image of the Earth, of 128x128 pixels, split by blocks of longitude: 384, 48 and 96 tiles
Command: tensorsmith run segmentation/land
Figure: masks.png

`iou` is the mean of the intersections over union of ocean and land. For comparison, `rule_accuracy` and `rule_iou` are
those of a rule without training: pixels whose blue channel dominates are ocean, and all others are land. `masks.png`
shows test tiles, true and predicted masks. Reference: Ronneberger et al. (2015).
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from jsonargparse.typing import PositiveFloat, PositiveInt
from matplotlib.image import imsave

import tensorsmith.tuning as tune
from tensorsmith.data import load_splits
from tensorsmith.data.pipelines import map_with_seed
from tensorsmith.image import augment
from tensorsmith.models import unet
from tensorsmith.optimizers import AdamW
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay, Warmup
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    width: PositiveFloat = 0.5  # factor of the numbers of filters of the small U-Net
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=3e-3)  # peak rate of AdamW, decays to 0
    epochs: PositiveInt = 16
    batch_size: PositiveInt = 8
    every: PositiveInt = 1  # step between the tiles of each split that are used; 1 for all of them


SCORE = "test iou"
ANSWER = """The mean IoU of ocean and land is {run[test iou]} and the pixel accuracy {run[test accuracy]}. A rule for
colors reaches {run[test rule_iou]} and {run[test rule_accuracy]}."""
SMOKE = {"epochs": 1, "batch_size": 2, "every": 9, "width": 0.25, "jit": False}
COLORS = np.array([(0.1, 0.3, 0.9), (0.2, 0.7, 0.1), (1.0, 0.2, 0.6)])  # of ocean, land and lakes


def build_data(config: Config) -> dict[str, Any]:
    """Loads tiles in [0, 1] and masks with the classes 0, 1 and 2. The training tiles are flipped at random."""
    splits = load_splits("land_tiles")
    data = {split: (x[:: config.every], y["masks"][:: config.every]) for split, (x, y) in splits.items()}
    examples = tf.data.Dataset.from_tensor_slices(dict(zip(("image", "masks"), data["train"], strict=True)))
    batches = examples.shuffle(len(data["train"][0]), seed=config.seed).batch(config.batch_size)
    flipped = batches.apply(map_with_seed(augment.random_flip("horizontal_and_vertical"), seed=config.seed))
    train = flipped.map(lambda example: (example["image"], example["masks"])).prefetch(tf.data.AUTOTUNE)
    return {**data, "train": train}


def build_model(config: Config) -> keras.Model:
    """Builds a U-Net that predicts the class of each pixel."""
    return unet("small", (128, 128, 3), classes=3, width=config.width)


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss and AdamW."""
    optimizer = AdamW(Warmup(CosineDecay(config.learning_rate, "100%"), "5%"), weight_decay=1e-4)
    metrics = ["accuracy", keras.metrics.IoU(3, [0, 1], "iou", sparse_y_pred=False)]
    return Trainer(build_model(config), optimizer, "sparse_categorical_crossentropy", metrics, jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Draws masks, and returns the accuracy and the IoU of the rule on test tiles."""
    images, masks = data["test"]
    rule = ~((images[..., 2] > images[..., 0]) & (images[..., 2] > images[..., 1]))
    metric = keras.metrics.IoU(3, [0, 1])
    mixed = np.argsort(np.abs((masks == 1).mean(axis=(1, 2)) - 0.5))[:8]  # about half of the tile is land
    found = trainer.predict(images[mixed]).argmax(axis=-1)
    drawn = [images[mixed], *((images[mixed] + COLORS[each]) / 2 for each in (masks[mixed], found))]
    imsave(run.folder / "masks.png", np.vstack([np.hstack(row) for row in drawn]))
    return {"test": {"rule_accuracy": float(np.mean(rule == masks)), "rule_iou": float(metric(masks, rule))}}


if __name__ == "__main__":
    run_script(__file__)
