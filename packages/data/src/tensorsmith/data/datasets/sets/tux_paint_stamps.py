"""Tux Paint stamps: color images of objects in 8 categories, most of them cut out of photographs."""

import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from tensorsmith.data.datasets.dataset import Column, Content, DatasetInfo
from tensorsmith.data.datasets.hosts import DebianPackage, File
from tensorsmith.data.datasets.image_files import open_image

if TYPE_CHECKING:
    from PIL import Image

ARCHIVE = File("tux_paint_stamps.zip", 19018225, "ebd9d7e60bf0fbe6f4257795e5eb8e59b15b354df23021d60582e5214fb101ea")
CLASSES = ("animals", "clothes", "food", "household", "plants", "space", "town", "vehicles")
SIZE = 160
SEED = 42


def is_selected(name: str) -> bool:
    """Returns `True` for images in the folders of the classes, except for those in subfolders named "cartoon"."""
    path = PurePosixPath(name)
    return path.suffix == ".png" and path.parts[0] in CLASSES and "cartoon" not in path.parts


def read(files: Mapping[str, Path], split: str) -> Content:
    """Returns the images and labels of a split."""
    from sklearn.model_selection import train_test_split

    with zipfile.ZipFile(files[ARCHIVE.name]) as archive:
        names = archive.namelist()
        labels = np.array([CLASSES.index(name.partition("/")[0]) for name in names], np.int32)
        rest, test = train_test_split(np.arange(len(labels)), test_size=87, stratify=labels, random_state=SEED)
        train, validation = train_test_split(rest, test_size=44, stratify=labels[rest], random_state=SEED)
        chosen = {"train": train, "validation": validation, "test": test}[split]
        images = np.empty((len(chosen), SIZE, SIZE, 3), np.float32)
        for number, index in enumerate(chosen):
            with archive.open(names[index]) as content:
                image = open_image(files[ARCHIVE.name] / names[index], content)
            np.divide(np.asarray(on_white_square(image)), 255, out=images[number])
    return images, labels[chosen]


def on_white_square(image: "Image.Image") -> "Image.Image":
    """Returns an RGB image on a white background, scaled to the common size without changing its aspect ratio."""
    from PIL import Image, ImageOps

    stamp = image.convert("RGBA")
    opaque = Image.alpha_composite(Image.new("RGBA", stamp.size, "white"), stamp).convert("RGB")
    return ImageOps.pad(opaque, (SIZE, SIZE), Image.Resampling.BILINEAR, "white")


INFO = DatasetInfo(
    name="tux_paint_stamps",
    title="Tux Paint stamps, in 8 categories",
    description=(
        "436 color images of objects, most of them cut out of photographs, others drawn, as most clothes are: 132 "
        "animals, 47 clothes, 54 food, 70 household, 40 plants, 23 space, 32 town and 38 vehicles. They are the PNG "
        'files in the folders of these categories, without those in subfolders named "cartoon". Features: float32 '
        "(examples, 160, 160, 3), scaled from 0..255 to [0, 1], on a white background and padded to a square; the "
        "original images have 20 to 2,348 pixels per side. Labels: int32 (examples,), 0 to 7. Stratified random split "
        "with a fixed seed. For cross-validation, concatenate the splits of load_splits."
    ),
    licence="GPL-2",
    source=(
        "B. Kendrick and contributors, Tux Paint stamps 2025-03-06, https://tuxpaint.org; as in the Debian "
        "package tuxpaint-stamps-default"
    ),
    splits={"train": 305, "validation": 44, "test": 87},
    read=read,
    sources=(
        DebianPackage(
            (ARCHIVE,),
            name="tuxpaint-stamps-default",
            version="2025.03.31-1",
            archive_size=80872956,
            folder="usr/share/tuxpaint/stamps",
            select=is_selected,
        ),
    ),
    kind="images",
    shape=(SIZE, SIZE, 3),
    levels=256,
    label=Column("int32"),
    class_names=CLASSES,
)
