"""Grad-CAM: which part of an image does a pretrained classifier use for a class?

Data: four sample photographs (CC0, CC-BY-2.0, public domain), ImageNet weights of EfficientNet-Lite0 (Apache-2.0)
Command: tensorsmith run vision/grad_cam
Figure: heatmaps.png

The heatmap is a weighted sum of the last feature maps, whose weights are the mean gradients of the logit of a class
(Selvaraju et al., 2017). The score is the pointing game: four photographs are arranged in the quadrants of an image, in
all orders, and the maximum of the heatmap of each class is either in its photograph or not. Chance is 0.25.
"""

import itertools
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from jsonargparse.typing import PositiveInt
from matplotlib.figure import Figure

from tensorsmith.core import replace_file
from tensorsmith.data import sample_photographs, weights
from tensorsmith.models import efficientnet_lite0
from tensorsmith.recipes import ProcedureRun, Settings, run_script
from tensorsmith.runs import Scores

CLASSES = {"chelsea": 285, "coffee": 967, "flower": 985, "rocket": 657}  # Egyptian cat, espresso, daisy, missile


@dataclass(frozen=True)
class Config(Settings):
    side: PositiveInt = 160  # height and width of each photograph in the image of four
    orders: PositiveInt = 24  # number of orders of the photographs


SCORE = "test accuracy"
SMOKE = {"side": 96, "orders": 2}


def photograph(name: str, side: int) -> np.ndarray:
    """Returns the central square of a photograph, of shape (side, side, 3), with values of 0 to 255."""
    image = sample_photographs()[name]
    top, left = ((size - min(image.shape[:2])) // 2 for size in image.shape[:2])
    square = image[top : top + min(image.shape[:2]), left : left + min(image.shape[:2])]
    return tf.image.resize(square, (side, side), antialias=True).numpy()


def heatmap(model: keras.Model, image: np.ndarray, label: int) -> np.ndarray:
    """Returns the Grad-CAM of a class: nonnegative values at the positions of the last feature maps."""
    with tf.GradientTape() as tape:
        maps, logits = model((image[None] - 127) / 128, training=False)
        logit = logits[0, label]
    importance = tf.reduce_mean(tape.gradient(logit, maps), axis=(1, 2))
    return tf.nn.relu(tf.reduce_sum(maps * importance, axis=-1))[0].numpy()


def train(config: Config, run: ProcedureRun) -> Scores:
    """Plots the heatmaps of one order, and returns the accuracy of the pointing game over several orders."""
    side = config.side
    classifier = efficientnet_lite0((2 * side, 2 * side, 3), 1000, weights("efficientnet_lite0"), 0.0, None)
    pooling = next(layer for layer in classifier.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D))
    model = keras.Model(classifier.input, [pooling.input, classifier.output])
    photographs = {name: photograph(name, side) for name in CLASSES}
    hits = []
    orders = list(itertools.permutations(CLASSES))
    for number, order in enumerate(orders[:: len(orders) // config.orders]):
        first, second, third, fourth = (photographs[name] for name in order)
        image = np.vstack([np.hstack([first, second]), np.hstack([third, fourth])])
        maps = {name: heatmap(model, image, CLASSES[name]) for name in order}
        for quadrant, name in enumerate(order):
            row, column = np.unravel_index(maps[name].argmax(), maps[name].shape)
            rows, columns = maps[name].shape
            hits.append((2 * row // rows) * 2 + 2 * column // columns == quadrant)
        if not number:
            plot(image, maps, run)
    accuracy = float(np.mean(hits))
    if not run.epoch:
        run.end_epoch({"accuracy": accuracy})
    return {"test": {"accuracy": accuracy}}


def plot(image: np.ndarray, maps: dict[str, np.ndarray], run: ProcedureRun) -> None:
    """Draws the heatmap of each class over the image."""
    figure = Figure(figsize=(13, 3.7), layout="constrained")
    for panel, (name, values) in zip(figure.subplots(1, len(maps)), maps.items(), strict=True):
        panel.imshow(image.astype("uint8"))
        panel.imshow(
            values, cmap="jet", alpha=0.45, extent=(0, image.shape[1], image.shape[0], 0), interpolation="bilinear"
        )
        panel.set_title(f"{name} (class {CLASSES[name]})")
        panel.set_axis_off()
    with replace_file(run.folder / "heatmaps.png") as draft:
        figure.savefig(draft, dpi=100)


if __name__ == "__main__":
    run_script(__file__)
