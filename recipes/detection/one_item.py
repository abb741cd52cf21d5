"""Class and box of a single item from two outputs: do boxes overlap more with a squared error or with the GIoU loss?

Data: composed images of one item of Fashion-MNIST, of 64x64 pixels: 20,000 for training, 1,000 validation, 2,000 test
Command: tensorsmith run detection/one_item

Comparison: tensorsmith compare detection/one_item --seeds 2

The loss is the sum of 0.8 times the cross-entropy of the class and 0.2 times the loss of the box, as in Géron (2019,
chapter 14). The GIoU loss is that of Rezatofighi et al. (2019). `iou` is the mean intersection over union with the true
box, and `found` the fraction of images with the true class and an IoU of at least 0.5.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt
from keras import layers
from matplotlib.image import imsave

import tensorsmith.tuning as tune
from tensorsmith.data import composed_fashion, info
from tensorsmith.image import boxes
from tensorsmith.losses import GIoULoss
from tensorsmith.models import resnet
from tensorsmith.optimizers import AdamW
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay, Warmup
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    box_loss: Literal["mse", "giou"] = "giou"  # loss of the box, whose coordinates are relative to the image
    class_weight: ClosedUnitInterval = 0.8  # weight of the loss of the class; the rest is that of the box
    width: PositiveFloat = 0.25  # factor of the numbers of filters of ResNet-18
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=3e-3)  # peak rate of AdamW, decays to 0
    epochs: PositiveInt = 5
    batch_size: PositiveInt = 64
    sizes: tuple[PositiveInt, PositiveInt, PositiveInt] = (
        20_000,
        1_000,
        2_000,
    )  # images for training, validation, test


SCORE = "test iou"
ANSWER = """The mean IoU is {score[mse]} with a squared error and {score[giou]} with the GIoU loss, a gain of
{gain[giou]} ({seeds} seeds). The accuracy of the class is {column[mse/test class_accuracy]} and
{column[giou/test class_accuracy]}, and the class and the box are right in {column[mse/test found]} and
{column[giou/test found]} of the images."""
COLUMNS = ("test class_accuracy", "test found")
SMOKE = {"epochs": 1, "batch_size": 4, "sizes": (80, 8, 40), "jit": False}
VARIANTS = {name: {"box_loss": name} for name in ("mse", "giou")}
SIDE = 64  # pixels of a side


def build_data(config: Config) -> dict[str, Any]:
    """Composes images in [0, 1], with their class, and their box relative to the image."""
    data = {}
    for split, size in zip(("train", "validation", "test"), config.sizes, strict=True):
        examples = composed_fashion(split, size, size=SIDE, most_items=1)
        targets = {"class": examples["classes"][:, 0], "box": examples["boxes"][:, 0] / SIDE}
        data[split] = (examples["image"] / np.float32(255), targets)
    return data


def build_model(config: Config) -> keras.Model:
    """Builds a ResNet with an output for the class and one for the box."""
    backbone = resnet("18", (SIDE, SIDE, 1), classes=None, width=config.width)
    classes = layers.GlobalAveragePooling2D()(backbone.output["stride_16"])
    classes = layers.Dense(10, "softmax", name="class")(classes)
    # The position is lost by global pooling.
    box = layers.Dense(4, "sigmoid")(layers.Flatten()(backbone.output["stride_16"]))
    center, size = box[:, :2], box[:, 2:]
    box = layers.Concatenate(name="box")([center - size / 2, center + size / 2])
    return keras.Model(backbone.input, {"class": classes, "box": box})


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with a loss for each output."""
    return Trainer(
        build_model(config),
        AdamW(Warmup(CosineDecay(config.learning_rate, "100%"), "5%"), weight_decay=1e-4),
        {"class": "sparse_categorical_crossentropy", "box": GIoULoss() if config.box_loss == "giou" else "mse"},
        {"class": ["accuracy"]},
        loss_weights={"class": config.class_weight, "box": 1 - config.class_weight},
        jit=config.jit,
    )


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Draws boxes of test images, and returns the overlap with the true boxes."""
    images, true = data["test"]
    outputs = trainer.predict(images)
    classes, confidence = outputs["class"].argmax(axis=1), outputs["class"].max(axis=1)
    found = np.column_stack([SIDE * outputs["box"], classes, confidence])[:, np.newaxis]
    shown = (images[:12] * 255).round().astype(np.uint8), found[:12], info("fashion_mnist").class_names
    imsave(run.folder / "detections.png", boxes.draw_detections(*shown, score_threshold=0.0, columns=6, scale=3))
    overlap = tf.squeeze(boxes.iou(outputs["box"][:, np.newaxis], true["box"][:, np.newaxis])).numpy()
    right = (classes == true["class"]) & (overlap >= 0.5)
    return {"test": {"iou": float(overlap.mean()), "found": float(right.mean())}}


if __name__ == "__main__":
    run_script(__file__)
