"""Detection of several items of clothing in an image: a grid of cells with anchors, and non-maximum suppression.

Data: composed images of Fashion-MNIST; 120,000 of 64x64 pixels for training, 500 and 1,000 of 96x96 for the others
Command: tensorsmith run detection/composed
Figure: detections.png

Average precision at an IoU of 0.5: `map_50` of classes, `ap_50` of any class, `covered_ap_50` of partly covered items.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from jsonargparse.typing import PositiveFloat, PositiveInt
from sklearn.neighbors import NearestCentroid

import tensorsmith.tuning as tune
from tensorsmith.data import composed_fashion, info
from tensorsmith.image import boxes
from tensorsmith.losses import YOLOLoss
from tensorsmith.metrics import MeanAveragePrecision
from tensorsmith.models import resnet, yolo
from tensorsmith.optimizers import AdamW
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay, Warmup
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    width: PositiveFloat = 0.5  # factor of the numbers of filters of ResNet-18
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=3e-3)  # peak rate of AdamW, decays to 0
    epochs: PositiveInt = 5
    batch_size: PositiveInt = 64
    sizes: tuple[PositiveInt, PositiveInt, PositiveInt] = (120_000, 500, 1_000)  # images for training, validation, test


SCORE = "test map_50"
SMOKE = {"epochs": 1, "batch_size": 4, "sizes": (88, 8, 40), "width": 0.125, "jit": False}
ANCHORS = np.array([(16, 27), (29, 15), (30, 35)], np.float32)  # widths and heights by `boxes.anchor_sizes`
SIDE, SMALL, CELL, CLASSES, THRESHOLD = 96, 64, 8, 10, 100  # pixels of images and cells; gray level of the baseline


def build_data(config: Config) -> dict[str, Any]:
    """Composes images, and encodes their boxes and classes on the grid."""

    def encoded(example: dict[str, Any], side: int = SIDE) -> tuple[Any, Any]:
        targets = example["boxes"], example["classes"], ANCHORS, (side, side), (side // CELL, side // CELL), CLASSES
        return tf.cast(example["image"], tf.float32) / 255, boxes.encode_grid(*targets)

    data = composed_fashion("train", config.sizes[0], size=SMALL, most_items=3, seed=config.seed, flip=True)
    train = tf.data.Dataset.from_tensor_slices(data).shuffle(config.sizes[0], seed=config.seed).batch(config.batch_size)
    validation, test = map(encoded, map(composed_fashion, ("validation", "test"), config.sizes[1:]))
    return {"train": train.map(lambda each: encoded(each, SMALL)).prefetch(2), "validation": validation, "test": test}


def build_model(config: Config) -> keras.Model:
    """Builds a detector on feature maps of a ResNet, for images of several sizes."""
    backbone = resnet("18", (None, None, 1), classes=None, width=config.width)
    return yolo(backbone, len(ANCHORS), CLASSES, stride=CELL, filters=64)


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with the YOLO loss and AdamW."""
    optimizer = AdamW(Warmup(CosineDecay(config.learning_rate, "100%"), "5%"), weight_decay=0.02)
    return Trainer(build_model(config), optimizer, YOLOLoss(len(ANCHORS), box_weight=1), jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Draws detections, and returns the average precisions of the detector and of the baseline."""
    test, train = composed_fashion("test", config.sizes[2]), composed_fashion("train", min(2_000, config.sizes[0]))
    decoded = boxes.decode_grid(trainer.predict(data["test"][0]), ANCHORS, (SIDE, SIDE))
    found = boxes.select_detections(*decoded, 50, across_classes=True).numpy()
    by_class = boxes.select_detections(*decoded, 50, each_class=True).numpy()
    shown = test["image"][:12], found[:12], info("fashion_mnist").class_names
    keras.utils.save_img(run.folder / "detections.png", boxes.draw_detections(*shown, 0.3, scale=3), scale=False)
    return {"test": scores(test, found, by_class) | scores(test, *[components(test["image"], train)] * 2, "baseline_")}


def scores(data: dict[str, np.ndarray], found: np.ndarray, by_class: np.ndarray, prefix: str = "") -> dict[str, float]:
    """Returns average precisions. In `covered_ap_50`, items covered by up to a tenth are crowds, which do not count."""
    true, uncovered = np.dstack([data["boxes"], data["classes"]]), data["covered"] <= 0.1
    one, best = (np.dstack([rows[..., :4], np.minimum(rows[..., 4], 0), rows[..., 5:]]) for rows in (true, found))
    cases = {"map_50": (true, by_class), "ap_50": (one, best), "covered_ap_50": (np.dstack([one, uncovered]), best)}
    return {prefix + name: float(MeanAveragePrecision(CLASSES, (0.5,))(*case)) for name, case in cases.items()}


def components(images: np.ndarray, train: dict[str, np.ndarray]) -> np.ndarray:
    """Returns the baseline: bright components, with the class whose mean image in the training set is nearest."""
    known, classes = boxes.crop_boxes(train["image"], train["boxes"], (28, 28)), train["classes"]
    nearest = NearestCentroid().fit(known.numpy().reshape(-1, 784)[classes.ravel() >= 0], classes[classes >= 0])
    corners, sizes = boxes.component_boxes(images[..., 0] > THRESHOLD, 20)
    found = nearest.predict(boxes.crop_boxes(images, corners, (28, 28)).numpy().reshape(-1, 784)).reshape(sizes.shape)
    return np.dstack([corners, np.where(sizes > 0, found, -1), sizes])


if __name__ == "__main__":
    run_script(__file__)
