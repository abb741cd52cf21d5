"""Classification of photographs with a pretrained network: the three most probable classes of ImageNet.

Data: five sample photographs (CC0, CC-BY-2.0, public domain), ImageNet weights of EfficientNet-Lite0 (Apache-2.0)
Command: tensorsmith run transfer/pretrained
Figure: classes.png

The score is the fraction of photographs whose class is among the three most probable ones.
"""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from jsonargparse.typing import PositiveInt
from matplotlib.figure import Figure

from tensorsmith.core import replace_file
from tensorsmith.data import sample_photographs, weights
from tensorsmith.models import efficientnet_lite0
from tensorsmith.recipes import ProcedureRun, Settings, run_script
from tensorsmith.runs import Scores


@dataclass(frozen=True)
class Config(Settings):
    side: PositiveInt = 224  # height and width of the images, 224 as in training


SCORE = "test top_3_accuracy"
SMOKE = {"side": 160}
# The class of each photograph, and names of other classes (of 1,000) that are similar to it.
CLASSES = {"chelsea": 285, "china": 698, "coffee": 967, "flower": 985, "rocket": 657}
NAMES = {
    281: "tabby", 282: "tiger cat", 285: "Egyptian cat", 287: "lynx", 442: "bell cote", 497: "church", 536: "dock",
    540: "drilling platform", 562: "fountain", 657: "missile", 663: "monastery", 668: "mosque", 698: "palace",
    718: "pier", 744: "projectile", 850: "teddy", 925: "consomme", 947: "mushroom", 967: "espresso", 968: "cup",
    975: "lakeside", 985: "daisy", 996: "hen-of-the-woods",
}  # fmt: skip


def photograph(name: str, side: int) -> np.ndarray:
    """Returns the central square of a photograph, of shape (side, side, 3), with values of 0 to 255."""
    image = sample_photographs()[name]
    height, width, _ = image.shape
    square = tf.image.resize_with_crop_or_pad(image, min(height, width), min(height, width))
    return tf.image.resize(square, (side, side), antialias=True).numpy()


def train(config: Config, run: ProcedureRun) -> Scores:
    """Plots the most probable classes, and returns the accuracy."""
    model = efficientnet_lite0((config.side, config.side, 3), weights=weights("efficientnet_lite0"))
    images = np.stack([photograph(name, config.side) for name in CLASSES])
    probabilities = model.predict((images - 127) / 128, verbose=0)
    best = np.argsort(-probabilities, axis=1)[:, :3]
    figure = Figure(figsize=(12, 3.3), layout="constrained")
    for number, (panel, name) in enumerate(zip(figure.subplots(1, len(CLASSES)), CLASSES, strict=True)):
        panel.imshow(images[number].astype("uint8"))
        lines = [f"{NAMES.get(each, f'class {each}')}: {probabilities[number, each]:.2f}" for each in best[number]]
        panel.set_title("\n".join([name, *lines]), fontsize=10)
        panel.set_axis_off()
    with replace_file(run.folder / "classes.png") as draft:
        figure.savefig(draft, dpi=100)
    labels = np.array(list(CLASSES.values()))
    scores = {
        "accuracy": float(np.mean(best[:, 0] == labels)),
        "top_3_accuracy": float(np.mean((best == labels[:, None]).any(axis=1))),
    }
    if not run.epoch:
        run.end_epoch(scores)
    return {"test": scores}


if __name__ == "__main__":
    run_script(__file__)
