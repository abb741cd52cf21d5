"""Does a detector find trees in an aerial photograph when it has learned from three other photographs?

Data: 951 trees in four aerial photographs (DeepForest, MIT), of 400x400 to 2472x2299 pixels, split by photograph
Command: tensorsmith run detection/trees

Comparison: tensorsmith compare detection/trees --seeds 1

Each variant holds out one photograph for the test. The upper four fifths of the others are training data, the rest is
validation data. A training image is a mosaic of four crops, each with its own scale, mirror image and colors, and the
sizes of the anchors are found by k-means clustering of the training boxes (Redmon and Farhadi, 2017). The baseline
finds dark green blobs, with the thresholds that are best on the training photographs. `detections.png` shows a part of
the photograph with the true boxes and with those of the detector.
"""

import itertools
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from jsonargparse.typing import PositiveFloat, PositiveInt
from matplotlib.image import imsave
from scipy import ndimage

import tensorsmith.tuning as tune
from tensorsmith.core.types import Tensor
from tensorsmith.data import tree_crown_photographs
from tensorsmith.data.pipelines import interleave_weighted, map_with_seed
from tensorsmith.image import augment, boxes
from tensorsmith.losses import YOLOLoss
from tensorsmith.metrics import MeanAveragePrecision
from tensorsmith.models import resnet, yolo
from tensorsmith.optimizers import AdamW
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay, Warmup
from tensorsmith.training import Trainer

Name = Literal["YELL_528000", "YELL_541000", "OSBS_029", "SOAP_061"]
Photograph = tuple[np.ndarray, np.ndarray]  # image (height, width, 3) and boxes (trees, 4)


@dataclass(frozen=True)
class Config(TrainingSettings):
    held_out: Name = "YELL_541000"  # photograph that is used for the test only
    width: PositiveFloat = 0.25  # factor of the numbers of filters of ResNet-18
    learning_rate: PositiveFloat = tune.log_uniform(3e-4, 1e-2, default=3e-3)  # peak rate of AdamW, decays to 0
    epochs: PositiveInt = 20
    steps: PositiveInt = 40  # training steps per epoch
    batch_size: PositiveInt = 16
    most_tiles: PositiveInt | None = None  # number of tiles of each photograph for training; null for all of them


SCORE = "test average_precision"
ANSWER = """Partly: the average precision at an IoU of 0.5 is {score[YELL_528000]}, {score[YELL_541000]},
{score[OSBS_029]} and {score[SOAP_061]} for YELL_528000, YELL_541000, OSBS_029 and SOAP_061. That of the blobs is
{column[YELL_528000/test baseline_average_precision]}, {column[YELL_541000/test baseline_average_precision]},
{column[OSBS_029/test baseline_average_precision]} and {column[SOAP_061/test baseline_average_precision]}."""
COLUMNS = ("test baseline_average_precision", "test trees")
SMOKE = {
    "epochs": 1,
    "steps": 20,
    "batch_size": 2,
    "held_out": "SOAP_061",
    "most_tiles": 4,
    "learning_rate": 1e-5,  # boxes remain near the anchors, so that some of them overlap trees
    "jit": False,
}
VARIANTS = {name: {"held_out": name} for name in Name.__args__}
SIDE, STRIDE, ANCHORS = 224, 16, 3  # pixels of a mosaic, pixels of a cell, number of anchors
MOST = 60  # boxes in a tile
DARK, GREEN = (80, 100, 120, 140), (0, 15, 30)  # thresholds of the baseline: brightness, 2 * green - red - blue
FACTOR = 4  # by which the baseline reduces photographs


def split_photographs(config: Config) -> tuple[list[Photograph], list[Photograph], Photograph]:
    """Returns the upper parts of photographs for training, the lower parts for validation, and the held-out one."""
    photographs = dict(tree_crown_photographs())
    test = photographs.pop(config.held_out)
    cuts = {name: image.shape[0] * 4 // 5 for name, (image, _) in photographs.items()}
    upper = [part(photograph, 0, cuts[name]) for name, photograph in photographs.items()]
    lower = [part(photograph, cuts[name], photograph[0].shape[0]) for name, photograph in photographs.items()]
    return upper, lower, test


def part(photograph: Photograph, start: int, stop: int) -> Photograph:
    """Returns some rows of a photograph, with the boxes whose center they contain."""
    image, corners = photograph
    center = (corners[:, 1] + corners[:, 3]) / 2
    inside = corners[(center >= start) & (center < stop)] - np.array([0, start, 0, start], np.float32)
    inside[:, 1::2] = inside[:, 1::2].clip(0, stop - start)
    return image[start:stop], inside


def anchors_of(photographs: list[Photograph]) -> np.ndarray:
    """Returns the sizes of the anchors for the boxes of photographs."""
    corners = np.concatenate([corners for _, corners in photographs])
    return boxes.anchor_sizes(corners[:, 2:] - corners[:, :2], ANCHORS)


def build_data(config: Config) -> dict[str, Any]:
    """Builds an endless dataset of mosaics, and tiles for validation, with targets on the grid."""
    upper, lower, _ = split_photographs(config)
    anchors = anchors_of(upper)
    change = augment.chain(
        augment.random_resized_crop(SIDE // 2, SIDE // 2, scale=(0.15, 0.5), ratio=(0.8, 1.25)),
        augment.random_flip("horizontal_and_vertical"),
        augment.random_color_jitter(brightness=0.1, contrast=0.2, saturation=0.2, hue=0.02),
    )

    def encoded(images: Tensor, corners: Tensor) -> tuple[Tensor, Tensor]:
        classes, size = tf.zeros(tf.shape(corners)[:2], tf.int32), (SIDE, SIDE)
        targets = boxes.encode_grid(corners, classes, anchors, size, (SIDE // STRIDE, SIDE // STRIDE), 1)
        return tf.cast(images, tf.float32) / 255, targets

    pools = [tiles(photograph, overlap=SIDE // 4) for photograph in upper]
    examples = [tf.data.Dataset.from_tensor_slices(pool).take(config.most_tiles or -1) for pool in pools]
    shuffled = [each.shuffle(len(each), seed=config.seed, reshuffle_each_iteration=False) for each in examples]
    mixed = interleave_weighted(shuffled, [len(each) ** 0.5 for each in examples], until="never", seed=config.seed)
    batches = mixed.batch(4 * config.batch_size).apply(map_with_seed(change, seed=config.seed))
    train = batches.map(mosaic).map(encoded).take(config.steps).prefetch(tf.data.AUTOTUNE)
    rest = [encoded(pool["image"], pool["boxes"]) for pool in map(tiles, lower)]
    return {"train": train, "validation": tuple(np.concatenate(each) for each in zip(*rest, strict=True))}


def tiles(photograph: Photograph, overlap: int = 0) -> dict[str, np.ndarray]:
    """Returns the tiles of a photograph, with the boxes in each, padded to `MOST`, and their centers as keypoints."""
    cut = boxes.tile(*photograph, size=SIDE, overlap=overlap)
    corners = cut.boxes.numpy()
    order = np.argsort(~corners.any(axis=2), axis=1, kind="stable")[:, :MOST]
    padded = np.zeros((len(corners), MOST, 4), np.float32)
    padded[:, : order.shape[1]] = np.take_along_axis(corners, order[..., np.newaxis], axis=1)
    return {"image": cut.images.numpy(), "boxes": padded, "keypoints": (padded[..., :2] + padded[..., 2:]) / 2}


def mosaic(crops: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Joins each four crops to an image. Boxes whose center a crop does not show have no area afterwards."""
    half, channels = crops["image"].shape[1], crops["image"].shape[3]
    grid = tf.transpose(tf.reshape(crops["image"], [-1, 2, 2, half, half, channels]), [0, 1, 3, 2, 4, 5])
    centers = crops["keypoints"][..., tf.newaxis, :]
    visible = tf.reduce_all((centers >= 0) & (centers < half), axis=-1)
    offsets = tf.constant([[0, 0], [half, 0], [0, half], [half, half]], tf.float32)
    count = crops["boxes"].shape[1]
    moved = tf.reshape(crops["boxes"], [-1, 4, count, 4]) + tf.tile(offsets, [1, 2])[:, tf.newaxis]
    kept = tf.where(tf.reshape(visible, [-1, 4, count, 1]), moved, 0)
    return tf.reshape(grid, [-1, 2 * half, 2 * half, channels]), tf.reshape(kept, [-1, 4 * count, 4])


def build_model(config: Config) -> keras.Model:
    """Builds a detector on the feature maps of a ResNet."""
    backbone = resnet("18", (SIDE, SIDE, 3), classes=None, width=config.width)
    return yolo(backbone, ANCHORS, classes=1, stride=STRIDE, filters=64)


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with the YOLO loss and AdamW."""
    optimizer = AdamW(Warmup(CosineDecay(config.learning_rate, "100%"), "5%"), weight_decay=1e-4)
    return Trainer(build_model(config), optimizer, YOLOLoss(ANCHORS), jit=config.jit)


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Draws detections, and returns the average precisions of the detector and of the baseline."""
    upper, _, (image, corners) = split_photographs(config)
    found = detect(trainer, image, anchors_of(upper))
    # The part around the tree in the middle of the list, which has trees in all photographs.
    left, top = np.maximum(corners[len(corners) // 2, :2].astype(int) - SIDE, 0)
    window = np.s_[top : top + 2 * SIDE, left : left + 2 * SIDE]
    rows = [each[:, :4] - np.array([left, top, left, top]) for each in (corners, found[found[:, 5] > 0.4])]
    drawn = [boxes.draw(image[window], each, classes=[number] * len(each)) for number, each in enumerate(rows)]
    imsave(run.folder / "detections.png", np.hstack(drawn))
    thresholds = max(
        itertools.product(DARK, GREEN),
        key=lambda pair: np.mean([average_precision(true, blobs(pixels, *pair)) for pixels, true in upper]),
    )
    return {
        "test": {
            "average_precision": average_precision(corners, found),
            "baseline_average_precision": average_precision(corners, blobs(image, *thresholds)),
            "trees": len(corners),
        }
    }


def detect(trainer: Trainer, image: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """Returns the detections in a photograph, from overlapping tiles."""
    cut = boxes.tile(image, np.zeros((0, 4)), size=SIDE, overlap=SIDE // 4)
    logits = trainer.predict(tf.cast(cut.images, tf.float32) / 255)
    decoded = boxes.decode_grid(logits, anchors, (SIDE, SIDE))
    # Detections near the border of a tile are left to the next tile, which shows more of the tree.
    center = (decoded.boxes[..., :2] + decoded.boxes[..., 2:]) / 2
    low = tf.cast(cut.offsets > 0, tf.float32) * SIDE / 8
    limit = tf.constant(image.shape[1::-1]) - SIDE
    high = SIDE - tf.cast(cut.offsets < limit, tf.float32) * SIDE / 8
    inside = tf.reduce_all((center >= low[:, tf.newaxis]) & (center < high[:, tf.newaxis]), axis=-1)
    scores = tf.where(inside, decoded.scores[..., 0], 0)
    whole = boxes.untile(decoded.boxes, cut.offsets)
    return boxes.select_detections(
        whole[tf.newaxis],
        tf.reshape(scores, [1, -1, 1]),
        max_output_size=2_000,
        iou_threshold=0.4,
        score_threshold=0.01,
    )[0].numpy()


def blobs(image: np.ndarray, dark: float, green: float) -> np.ndarray:
    """Returns connected components of dark green pixels, with their numbers of pixels as scores."""
    height, width = (side // FACTOR for side in image.shape[:2])
    pixels = image[: height * FACTOR, : width * FACTOR].reshape(height, FACTOR, width, FACTOR, 3).mean(axis=(1, 3))
    greenness = 2 * pixels[..., 1] - pixels[..., 0] - pixels[..., 2]
    mask = ndimage.median_filter((pixels.mean(axis=-1) < dark) & (greenness > green), 3)
    corners, sizes = boxes.component_boxes(mask[np.newaxis], 2_000)
    classes = np.where(sizes > 0, 0, -1)
    return np.dstack([FACTOR * corners, classes, sizes])[0]


def average_precision(corners: np.ndarray, found: np.ndarray) -> float:
    """Returns the average precision at an IoU of 0.5 for the boxes of a photograph."""
    true = np.column_stack([corners, np.zeros(len(corners))])
    return float(MeanAveragePrecision(1, (0.5,))(true[np.newaxis], found[np.newaxis]))


if __name__ == "__main__":
    run_script(__file__)
