"""How much do connections from finer feature maps improve segmentation: FCN-32, FCN-16, FCN-8 and a U-Net?

Data: 528 tiles of an image of the Earth, of 128x128 pixels, split by blocks of longitude: 384, 48 and 96 tiles
Command: tensorsmith run segmentation/compared

Comparison: tensorsmith compare segmentation/compared --seeds 2

Each network classifies the pixels of satellite images into ocean, land and lakes. The fully convolutional networks
(Long et al., 2015) share a ResNet-18 and differ in the finest feature map whose predictions they use. They are trained
from random weights, so that FCN-8 does not start from FCN-16 as in the paper, and with the same settings as the U-Net.
`iou` is the mean of the intersections over union of ocean and land, and `shore_accuracy` the accuracy of pixels at most
3 pixels from another class.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from jsonargparse.typing import PositiveFloat, PositiveInt
from matplotlib.image import imsave
from scipy import ndimage

import tensorsmith.tuning as tune
from tensorsmith.data import load_splits
from tensorsmith.data.pipelines import map_with_seed
from tensorsmith.image import augment
from tensorsmith.models import fcn, model_budget, resnet, unet
from tensorsmith.optimizers import AdamW
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay, Warmup
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    network: Literal["fcn_32", "fcn_16", "fcn_8", "unet"] = "fcn_8"  # network that classifies the pixels
    width: PositiveFloat = 0.5  # factor of the numbers of filters of the ResNet-18 and of the small U-Net
    units: PositiveInt = 128  # filters of the convolutions after the ResNet
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=3e-3)  # peak rate of AdamW, decays to 0
    epochs: PositiveInt = 10
    batch_size: PositiveInt = 8
    every: PositiveInt = 1  # step between the tiles of each split that are used; 1 for all of them


SCORE = "test iou"
ANSWER = """Each finer feature map helps: the IoU is {score[fcn_32]} for FCN-32, {score[fcn_16]} for FCN-16,
{score[fcn_8]} for FCN-8 and {score[unet]} for the U-Net ({seeds} seeds). Near the shore, the accuracy increases from
{column[fcn_32/test shore_accuracy]} to {column[fcn_8/test shore_accuracy]} and {column[unet/test shore_accuracy]}."""
COLUMNS = ("test accuracy", "test shore_accuracy", "model multiplications")
SMOKE = {"epochs": 1, "batch_size": 2, "every": 9, "width": 0.25, "units": 8, "jit": False}
VARIANTS = {name: {"network": name} for name in ("fcn_32", "fcn_16", "fcn_8", "unet")}
SHORE = 3  # largest distance in pixels from the border between classes
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
    """Builds a network that predicts the class of each pixel."""
    shape, classes = (128, 128, 3), 3
    if config.network == "unet":
        return unet("small", shape, classes, config.width)
    backbone = resnet("18", shape, classes=None, width=config.width)
    size = config.network.removeprefix("fcn_")
    return fcn(size, backbone, classes, config.units, kernel_size=3, dropout=0.2)


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss and AdamW."""
    optimizer = AdamW(Warmup(CosineDecay(config.learning_rate, "100%"), "5%"), weight_decay=1e-4)
    metrics = ["accuracy", keras.metrics.IoU(3, [0, 1], "iou", sparse_y_pred=False)]
    return Trainer(build_model(config), optimizer, "sparse_categorical_crossentropy", metrics, jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Draws masks, and returns the accuracy near the borders between classes and the number of multiplications."""
    images, masks = data["test"]
    found, near = trainer.predict(images).argmax(axis=-1), shore(masks)
    mixed = np.argsort(-near.mean(axis=(1, 2)))[:8]
    drawn = [images[mixed], *((images[mixed] + COLORS[each[mixed]]) / 2 for each in (masks, found))]
    imsave(run.folder / "masks.png", np.vstack([np.hstack(row) for row in drawn]))
    return {
        "test": {"shore_accuracy": float(np.mean(found[near] == masks[near]))},
        "model": {"multiplications": model_budget(trainer.model).multiplications},
    }


def shore(masks: np.ndarray, distance: int = SHORE) -> np.ndarray:
    """Returns the pixels of masks that are near a pixel of another class, in the maximum norm."""
    size = (1, 2 * distance + 1, 2 * distance + 1)
    return ndimage.minimum_filter(masks, size) != ndimage.maximum_filter(masks, size)


if __name__ == "__main__":
    run_script(__file__)
