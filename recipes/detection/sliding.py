"""How much does a single pass of a fully convolutional network save over a classifier that slides over an image?

Data: composed images of Fashion-MNIST; 60,000 windows of 48x48 pixels, and 1,000 test images of 96x96 with 1 or 2 items
Command: tensorsmith run detection/sliding
Figure: detections.png

A network learns from windows: whether an item is near the center, its class, and its box. `to_convolutional` converts
its dense layers to convolutions, so that one pass over an image of twice the size returns the outputs for 13 x 13
windows. Convolutions have no padding, so that these equal the outputs for each window. Non-maximum suppression selects
boxes. `windows_multiplications` is the number of multiplications if each window is classified separately.
References: Sermanet et al. (2014), Long et al. (2015).
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from jsonargparse.typing import PositiveFloat, PositiveInt
from keras import layers
from matplotlib.image import imsave

import tensorsmith.tuning as tune
from tensorsmith.data import composed_fashion, info
from tensorsmith.image import boxes
from tensorsmith.layers import to_convolutional
from tensorsmith.metrics import MeanAveragePrecision
from tensorsmith.models import model_budget
from tensorsmith.optimizers import AdamW
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay, Warmup
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    filters: PositiveInt = 32  # filters of the first convolutions; the last ones have twice as many
    units: PositiveInt = 128  # units of the hidden dense layer
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=2e-3)  # peak rate of AdamW, decays to 0
    epochs: PositiveInt = 6
    batch_size: PositiveInt = 64
    sizes: tuple[PositiveInt, PositiveInt, PositiveInt] = (30_000, 500, 1_000)  # images for training, validation, test


SCORE = "test ap_50"
ANSWER = """One pass over an image of twice the size needs {run[model multiplications]} multiplications, compared with
{run[model windows_multiplications]} for all windows separately. It finds items with an average precision at an IoU of
0.5 of {run[test ap_50]} without classes, and of {run[test map_50]} with classes ({run[test centered_accuracy]} of the
classes of centered items are right)."""
SMOKE = {"epochs": 1, "batch_size": 8, "filters": 8, "units": 16, "sizes": (88, 8, 40), "jit": False}
WINDOW, SIDE, STRIDE = 48, 96, 4  # pixels of windows and images, and between windows
MARGIN = 16  # pixels around the composed part of an image, so that each item is near the center of a window
NEAR = 8  # largest distance in pixels of the center of an item from that of its window, in each direction


def build_data(config: Config) -> dict[str, Any]:
    """Cuts two windows from each image: one near an item and one at a random position."""
    splits = zip(("train", "validation", "test"), config.sizes, strict=True)
    return {
        split: windows(scenes(split, size), np.random.default_rng([config.seed, number]))
        for number, (split, size) in enumerate(splits)
    }


def scenes(split: str, count: int) -> dict[str, np.ndarray]:
    """Composes images, with a black margin."""
    examples = composed_fashion(split, count, size=SIDE - 2 * MARGIN, most_items=2)
    images = np.pad(examples["image"], [(0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)])
    used = examples["classes"] >= 0
    moved = np.where(used[..., np.newaxis], examples["boxes"] + MARGIN, 0).astype(np.float32)
    return {"image": images, "boxes": moved, "classes": examples["classes"]}


def windows(examples: dict[str, np.ndarray], rng: np.random.Generator) -> tuple[Any, ...]:
    """Returns two windows of each image, with their targets, and with weights that are 0 for missing items."""
    images, corners, classes = (np.repeat(examples[name], 2, axis=0) for name in ("image", "boxes", "classes"))
    count = len(images)
    centers = (corners[..., :2] + corners[..., 2:]) / 2
    chosen = centers[np.arange(count), rng.integers(0, (classes >= 0).sum(axis=1))]
    near = np.round(chosen - WINDOW / 2 + rng.uniform(-NEAR, NEAR, (count, 2)))
    anywhere = rng.integers(0, SIDE - WINDOW + 1, (count, 2))
    offsets = np.where(np.arange(count)[:, np.newaxis] % 2, anywhere, near).clip(0, SIDE - WINDOW).astype(int)
    cut = np.stack([image[y : y + WINDOW, x : x + WINDOW] for image, (x, y) in zip(images, offsets, strict=True)])
    distances = np.abs(centers - offsets[:, np.newaxis] - WINDOW / 2).max(axis=2)
    distances[classes < 0] = np.inf
    item, rows = distances.argmin(axis=1), np.arange(count)
    present = (distances[rows, item] <= NEAR).astype(np.float32)
    box = (corners[rows, item] - np.tile(offsets, 2)) / WINDOW
    targets = {"object": present[:, np.newaxis], "class": classes[rows, item], "box": box.astype(np.float32)}
    return cut / np.float32(255), targets, {"object": np.ones(count, np.float32), "class": present, "box": present}


def build_model(config: Config) -> keras.Model:
    """Builds a network for windows with three outputs, without padding."""
    inputs = x = keras.Input((WINDOW, WINDOW, 1))
    for filters, size, strides in ((1, 5, 2), (1, 3, 1), (2, 3, 2), (2, 3, 1)):
        x = layers.Conv2D(filters * config.filters, size, strides, use_bias=False, kernel_initializer="he_normal")(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Flatten()(x)
    x = layers.Dense(config.units, "relu", kernel_initializer="he_normal")(x)
    outputs = {
        "object": layers.Dense(1, "sigmoid", name="object")(x),
        "class": layers.Dense(10, "softmax", name="class")(x),
        "box": layers.Dense(4, name="box")(x),
    }
    return keras.Model(inputs, outputs)


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with a loss for each output. Those of the class and the box are for windows with an item."""
    optimizer = AdamW(Warmup(CosineDecay(config.learning_rate, "100%"), "5%"), weight_decay=1e-4)
    losses = {"object": "binary_crossentropy", "class": "sparse_categorical_crossentropy", "box": "mse"}
    weights = {"object": 1.0, "class": 1.0, "box": 50.0}
    return Trainer(build_model(config), optimizer, losses, loss_weights=weights, jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Draws detections, and returns their average precisions and the numbers of multiplications."""
    examples, (cut, targets, weights) = scenes("test", config.sizes[2]), data["test"]
    network = to_convolutional(trainer.model)
    found = detect(network, examples["image"])
    shown = examples["image"][:12], found[:12], info("fashion_mnist").class_names
    imsave(run.folder / "detections.png", boxes.draw_detections(*shown, score_threshold=0.3, scale=3))
    true = np.dstack([examples["boxes"], examples["classes"]])
    one, one_found = (np.dstack([each[..., :4], np.minimum(each[..., 4], 0), each[..., 5:]]) for each in (true, found))
    right = trainer.predict(cut)["class"].argmax(axis=1) == targets["class"]
    each = model_budget(trainer.model).multiplications
    return {
        "test": {
            "map_50": float(MeanAveragePrecision(10, (0.5,))(true, found)),
            "ap_50": float(MeanAveragePrecision(1, (0.5,))(one, one_found)),
            "centered_accuracy": float(right[weights["class"] > 0].mean()),
        },
        "model": {
            "multiplications": model_budget(network, (SIDE, SIDE, 1)).multiplications,
            "windows_multiplications": each * (1 + (SIDE - WINDOW) // STRIDE) ** 2,
        },
    }


def detect(network: keras.Model, images: np.ndarray) -> np.ndarray:
    """Returns the selected boxes of all windows of images, in one pass of a fully convolutional network."""
    outputs = network.predict(images / np.float32(255), batch_size=32, verbose=0)
    count, rows, columns, _ = outputs["box"].shape
    offsets = STRIDE * np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1)
    corners = WINDOW * outputs["box"] + np.tile(offsets, 2)
    scores = outputs["object"] * outputs["class"]
    return boxes.select_detections(
        corners.reshape(count, rows * columns, 4),
        scores.reshape(count, rows * columns, 10),
        max_output_size=50,
        across_classes=True,
    ).numpy()


if __name__ == "__main__":
    run_script(__file__)
