"""Vertical and horizontal lines, found by two convolution filters that are written by hand.

Data: two sample photographs of scikit-learn (CC-BY-2.0), and generated images of lines
Command: tensorsmith run vision/filters
Figure: feature_maps.png

Nothing is trained. The 7 x 7 filters are 0 except for a line of ones in the center (Géron, 2019, chapter 14). Depthwise
max pooling takes the maximum over both feature maps, which is invariant to the orientation of a line. The score is the
fraction of generated lines whose filter has the larger response.
"""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from jsonargparse.typing import NonNegativeFloat, PositiveInt
from matplotlib.figure import Figure

from tensorsmith.core import replace_file
from tensorsmith.data import sample_photographs
from tensorsmith.layers import DepthwiseMaxPool
from tensorsmith.recipes import ProcedureRun, Settings, run_script
from tensorsmith.runs import Scores


@dataclass(frozen=True)
class Config(Settings):
    kernel_size: PositiveInt = 7  # height and width of the filters
    lines: PositiveInt = 1_000  # number of generated images of a line
    noise: NonNegativeFloat = 0.5  # standard deviation of the noise in these images


SCORE = "test accuracy"
SMOKE = {"lines": 100}
NAMES = ("vertical", "horizontal")
CROPS = {"china": (150, 130), "flower": (160, 250)}  # top and left of the part of each photograph that is shown


def filters(size: int) -> np.ndarray:
    """Returns a vertical and a horizontal line, of shape (size, size, 1, 2)."""
    kernel = np.zeros((size, size, 1, 2), np.float32)
    kernel[:, size // 2, 0, 0] = 1 / size
    kernel[size // 2, :, 0, 1] = 1 / size
    return kernel


def feature_maps(images: np.ndarray, size: int) -> np.ndarray:
    """Returns the responses of both filters to images of shape (n, height, width)."""
    return tf.nn.conv2d(images[..., None], filters(size), strides=1, padding="SAME").numpy()


def lines(config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Returns images of shape (n, 21, 21) with a bright line in noise, and 0 if it is vertical, or 1."""
    rng = np.random.default_rng(config.seed)
    images = rng.normal(0.0, config.noise, (config.lines, 21, 21)).astype(np.float32)
    labels, positions = rng.integers(2, size=config.lines), rng.integers(21, size=config.lines)
    for image, label, position in zip(images, labels, positions, strict=True):
        image[(slice(None), position) if label == 0 else (position, slice(None))] += 1
    return images, labels


def train(config: Config, run: ProcedureRun) -> Scores:
    """Plots the feature maps of the photographs, and returns the accuracy for generated lines."""
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    for row, (name, (top, left)) in zip(figure.subplots(2, 4), CROPS.items(), strict=True):
        image = sample_photographs()[name].mean(axis=-1, dtype=np.float32) / 255
        maps = feature_maps(image[None], config.kernel_size)
        pooled = DepthwiseMaxPool(2)(maps).numpy()
        values = [image, maps[0, ..., 0], maps[0, ..., 1], pooled[0, ..., 0]]
        crops = [each[top : top + 70, left : left + 120] for each in values]
        panels = dict(zip((name, *NAMES, "maximum"), crops, strict=True))
        for panel, (title, pixels) in zip(row, panels.items(), strict=True):
            panel.imshow(pixels, cmap="gray")
            panel.set_title(title)
            panel.set_axis_off()
    with replace_file(run.folder / "feature_maps.png") as draft:
        figure.savefig(draft, dpi=120)
    images, labels = lines(config)
    accuracy = float(np.mean(feature_maps(images, config.kernel_size).max(axis=(1, 2)).argmax(axis=-1) == labels))
    if not run.epoch:
        run.end_epoch({"accuracy": accuracy})
    return {"test": {"accuracy": accuracy}}


if __name__ == "__main__":
    run_script(__file__)
