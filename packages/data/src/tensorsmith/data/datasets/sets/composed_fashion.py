"""Composed Fashion-MNIST: images of several items of clothing, generated for detection and segmentation."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tensorsmith.data.datasets.composed import compose
from tensorsmith.data.datasets.dataset import Column, Content, DatasetInfo
from tensorsmith.data.datasets.sets import fashion_mnist

SPLITS = {"train": 4000, "validation": 500, "test": 1000}
SIZE, MOST_ITEMS = 96, 4


def read(files: Mapping[str, Path], split: str) -> Content:
    """Returns the images and labels of a split, composed from the items of this split of Fashion-MNIST."""
    items, classes = fashion_mnist.read(files, split)
    assert isinstance(items, np.ndarray)
    assert isinstance(classes, np.ndarray)
    labels = compose(items, classes, SPLITS[split], SIZE, MOST_ITEMS, seed=list(SPLITS).index(split))
    images = labels["image"][..., 0]
    return np.divide(images, 255, dtype=np.float32), {name: labels[name] for name in ("boxes", "classes", "masks")}


INFO = DatasetInfo(
    name="composed_fashion",
    title="Composed Fashion-MNIST, with boxes and masks",
    description=(
        "5,500 grayscale images that are composed of 1 to 4 items of Fashion-MNIST at random positions and sizes, on a "
        "background with a brightness gradient. They are generated with fixed seeds on each load; training images "
        "contain only items of the training split, and so on. Features: float32 (examples, 96, 96), scaled from 0..255 "
        "to [0, 1]. Labels: a dictionary of boxes, float32 (examples, 4, 4), with x_min, y_min, x_max and y_max in "
        "pixels, where unused rows are 0; of classes, int32 (examples, 4), 0 to 9, where unused elements are -1; and "
        "of masks, uint8 (examples, 96, 96), 0 in the background and i + 1 in item i. "
        "tensorsmith.data.composed_fashion generates more images of this kind, or images of another size."
    ),
    licence=fashion_mnist.INFO.licence,
    source=fashion_mnist.INFO.source,
    splits=SPLITS,
    read=read,
    kind="images",
    shape=(SIZE, SIZE),
    levels=256,
    label={
        "boxes": Column("float32", "pixels", (MOST_ITEMS, 4)),
        "classes": Column("int32", "", (MOST_ITEMS,)),
        "masks": Column("uint8", "", (SIZE, SIZE)),
    },
    class_names=fashion_mnist.INFO.class_names,
    base="fashion_mnist",
)
