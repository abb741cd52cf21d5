"""Captions of images with up to three items of clothing, by a decoder that attends to the parts of an image.

Data: composed images of Fashion-MNIST of 64x64 pixels, 30,000 / 500 / 2,000 (Zalando, MIT)
Command: tensorsmith run transformer/captions
Figure: attention.png

A caption names the items from left to right, such as "a coat and a sneaker and a bag". `exact_captions` is the fraction
of captions without an error, and `pointing_accuracy` the fraction of the named items for which the cell with the
greatest attention lies in the box of the item, for true captions. The boxes are not used for training. The model is
that of Xu et al. (2015) with a Transformer as the decoder.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from jsonargparse.typing import PositiveFloat, PositiveInt
from matplotlib.figure import Figure

import tensorsmith.tuning as tune
from tensorsmith.data import composed_fashion
from tensorsmith.models import captioner, captioner_attention, captioner_step, resnet
from tensorsmith.optimizers import AdamW
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay, Warmup
from tensorsmith.seq2seq import decode
from tensorsmith.text import WordTokenizer
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    width: PositiveFloat = 0.25  # factor of the numbers of filters of ResNet-18 and of features of the decoder
    blocks: PositiveInt = 2  # number of blocks of the decoder
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=2e-3)  # peak rate of AdamW, decays to 0
    epochs: PositiveInt = 8
    batch_size: PositiveInt = 64
    sizes: tuple[PositiveInt, PositiveInt, PositiveInt] = (30_000, 500, 2_000)  # images for training, validation, test


SCORE = "test exact_captions"
SMOKE = {"epochs": 1, "sizes": (320, 60, 60), "batch_size": 16, "width": 0.125, "blocks": 1, "jit": False}
NAMES = ("top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")
SIDE, CELL, MOST, STEPS = 64, 8, 3, 9  # pixels of images and cells, items of an image, words of a caption and its end
SPLITS = ("train", "validation", "test")
NOUNS = 3 * np.arange(MOST) + 1  # steps at which a caption has the name of an item


def build_data(config: Config) -> dict[str, Any]:
    """Composes images in [0, 1], and encodes their captions."""
    return {split: encoded(scenes(config, split)) for split in SPLITS}


def scenes(config: Config, split: str) -> dict[str, np.ndarray]:
    """Composes images, and sorts their items from left to right."""
    count = dict(zip(SPLITS, config.sizes, strict=True))[split]
    found = composed_fashion(split, count, size=SIDE, most_items=MOST, seed=config.seed)
    centers = np.where(found["classes"] >= 0, found["boxes"][..., 0] + found["boxes"][..., 2], np.inf)
    order = centers.argsort(axis=1)
    found["classes"] = np.take_along_axis(found["classes"], order, axis=1)
    found["boxes"] = np.take_along_axis(found["boxes"], order[..., np.newaxis], axis=1)
    return found


def encoded(found: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Returns inputs, which are images and captions that start with a start token, and captions that end."""
    words = tokenizer()
    captions = [" and ".join(f"a {NAMES[item]}" for item in items if item >= 0) for items in found["classes"]]
    rows = [[words.start, *row, words.end] for row in words.encode(captions).to_list()]
    target = np.array([row + [words.padding] * (STEPS + 1 - len(row)) for row in rows], "int32")
    return {"image": found["image"] / np.float32(255), "target": target[:, :-1]}, target[:, 1:]


def tokenizer() -> WordTokenizer:
    """Returns the tokenizer of captions, whose first words are the names of items."""
    return WordTokenizer([*NAMES, "a", "and"])


def build_model(config: Config) -> keras.Model:
    """Builds a Transformer decoder on a feature map of a ResNet."""
    backbone = resnet("18", (SIDE, SIDE, 1), classes=None, width=config.width)
    return captioner(backbone, tokenizer().size, CELL, width=config.width, blocks=config.blocks)


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss without padding, and AdamW with warm-up and cosine decay."""
    rate = Warmup(CosineDecay(config.learning_rate, "95%"), "5%")
    optimizer = AdamW(rate, weight_decay=0.02, global_clipnorm=1.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0)
    return Trainer(build_model(config), optimizer, loss, jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the fractions of exact captions and of items to which the decoder attends, and draws the attention."""
    words, model, scores = tokenizer(), trainer.model, {}

    @tf.function
    def describe(image: tf.Tensor) -> tf.Tensor:
        start = tf.fill([tf.shape(image)[0], 1], words.start)
        return decode(*captioner_step(model, image, STEPS), start, STEPS, end=words.end).tokens

    for split in ("validation", "test"):
        inputs, targets = data[split]
        found = np.concatenate([describe(part) for part in in_parts(inputs["image"])])
        inside = pointed(attention(model, inputs), scenes(config, split)["boxes"])
        scores[split] = {
            "exact_captions": float(((found == targets) | (targets == words.padding)).all(axis=1).mean()),
            "pointing_accuracy": float(inside[targets[:, NOUNS] > 0].mean()),
        }
    draw(run, model, inputs["image"][:4], found[:4])
    return scores


def attention(model: keras.Model, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """Returns the attention to the cells, of shape (n, 3, rows, columns), when each item of a caption is predicted."""
    parts = zip(in_parts(inputs["image"]), in_parts(inputs["target"]), strict=True)
    return np.concatenate([captioner_attention(model, *part) for part in parts])[:, NOUNS]


def in_parts(values: np.ndarray) -> list[np.ndarray]:
    """Splits an array into parts of at most 250 examples."""
    return np.array_split(values, -(-len(values) // 250))


def pointed(weights: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Returns `True` for each item whose box contains the center of the cell with the greatest weight."""
    rows, columns = np.divmod(weights.reshape(*weights.shape[:2], -1).argmax(axis=-1), weights.shape[-1])
    x, y = CELL * (columns + 0.5), CELL * (rows + 0.5)
    return (boxes[..., 0] <= x) & (x <= boxes[..., 2]) & (boxes[..., 1] <= y) & (y <= boxes[..., 3])


def draw(run: RecipeRun, model: keras.Model, images: np.ndarray, found: np.ndarray) -> None:
    """Draws images with their captions, and the attention to their cells for each item."""
    words = tokenizer()
    start = np.full((len(found), 1), words.start, "int32")
    weights = attention(model, {"image": images, "target": np.hstack([start, found[:, :-1]])})
    figure = Figure(figsize=(8, 2.2 * len(images)), layout="constrained")
    for image, row, maps, axes in zip(images, found, weights, figure.subplots(len(images), MOST + 1), strict=True):
        caption = words.decode(row[row > words.end].tolist())
        items = [words.decode([word]) for word in row[NOUNS] if word > words.end]
        titles = [caption.replace(" and ", "\nand "), *items]
        for axis, title, map_ in zip(axes, titles, [None, *maps], strict=False):
            axis.imshow(image, "gray", extent=(0, SIDE, SIDE, 0))
            if map_ is not None:
                axis.imshow(map_, "inferno", alpha=0.6, extent=(0, SIDE, SIDE, 0), interpolation="bilinear")
            axis.set_title(title, fontsize=9)
        for axis in axes:
            axis.set_axis_off()
    run.save_figure(figure, "attention.png")


if __name__ == "__main__":
    run_script(__file__)
