"""Tree crowns: tiles of four aerial photographs with a box around each tree, for object detection."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tensorsmith.data.datasets.dataset import Column, Content, DatasetInfo
from tensorsmith.data.datasets.hosts import File, PythonArchive
from tensorsmith.data.datasets.image_files import open_image

FILES = (
    File(
        "2019_YELL_2_528000_4978000_image_crop2.png",
        15333493,
        "a9bdb0f4447fdd899d22f567e0e20ba8320c5413b2ad0cd0ac8d9f3b6e0f9767",
    ),
    File(
        "2019_YELL_2_528000_4978000_image_crop2.xml",
        193359,
        "bd431af6a5086d721eb731b22f5ea28cd8a8eab06883efc1c665391acbc68e11",
    ),
    File(
        "2019_YELL_2_541000_4977000_image_crop.png",
        2889166,
        "178e58a23cc2642226a364a30f71bd9258ddc1b012c826f12250914a90c7a131",
    ),
    File(
        "2019_YELL_2_541000_4977000_image_crop.xml",
        93452,
        "cefe4b96888bacbf8af1674f000082e549aa707aa6590d545effb23e43f26631",
    ),
    File("OSBS_029.png", 412520, "d9477c6a00e4902c7bee487d4c5582c3b8b9a2f77f3908a29628b816b291e6ee"),
    File("OSBS_029.xml", 20526, "1f68c4011d7b351c29ca755072e77f3d16e6fd1f995bd05a9dd4eb952b55373c"),
    File("SOAP_061.png", 369701, "256508f1a62149bec4a80879077a865caf50e8cace095e6564c76befa480d424"),
    File("SOAP_061.xml", 12556, "4833280af75fd9c47965a93e38945282835e9e725cac412bdb9469d63480947c"),
)
WHEEL = File(
    "deepforest-2.1.0-py3-none-any.whl", 20639595, "8c2798d8e9be7f0004b194fe207b76c1d9fff6e711b3db67b9508dcd5d00ae54"
)
PHOTOGRAPHS = {"YELL_528000": FILES[:2], "YELL_541000": FILES[2:4], "OSBS_029": FILES[4:6], "SOAP_061": FILES[6:]}
"""Image and boxes of each photograph. The names are those of sites of the National Ecological Observatory Network."""
PARTS = {"train": ("YELL_528000",), "validation": ("OSBS_029", "SOAP_061"), "test": ("YELL_541000",)}
SIZE, MOST_BOXES = 200, 20


def read(files: Mapping[str, Path], split: str) -> Content:
    """Returns the tiles and labels of a split."""
    images: list[np.ndarray] = []
    boxes: list[np.ndarray] = []
    photographs: list[int] = []
    for name in PARTS[split]:
        for tile, inside in tiles(*read_photograph(files, name)):
            images.append(tile)
            boxes.append(inside)
            photographs.append(list(PHOTOGRAPHS).index(name))
    labels = {
        "boxes": np.zeros((len(images), MOST_BOXES, 4), np.float32),
        "classes": np.full((len(images), MOST_BOXES), -1, np.int32),
        "photograph": np.array(photographs, np.int32),
    }
    for number, inside in enumerate(boxes):
        labels["boxes"][number, : len(inside)] = inside
        labels["classes"][number, : len(inside)] = 0
    return np.divide(images, 255, dtype=np.float32), labels


def read_photograph(files: Mapping[str, Path], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns a photograph, uint8 `(height, width, 3)`, and its boxes, float32 `(trees, 4)`."""
    image, annotation = (files[file.name] for file in PHOTOGRAPHS[name])
    sides = ("xmin", "ymin", "xmax", "ymax")
    boxes = [[float(box.findtext(side, "")) for side in sides] for box in ElementTree.parse(annotation).iter("bndbox")]
    return np.asarray(open_image(image).convert("RGB")), np.array(boxes, np.float32)


def tiles(image: np.ndarray, boxes: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns adjacent tiles, row by row, each with the boxes whose centers are in it. Tiles without one are left out.

    Boxes are clipped to their tile. The rest of the image on the right and at the bottom is left out.
    """
    columns, rows = ((boxes[:, :2] + boxes[:, 2:]) / 2 // SIZE).T
    found = []
    for row in range(image.shape[0] // SIZE):
        for column in range(image.shape[1] // SIZE):
            inside = boxes[(rows == row) & (columns == column)]
            if len(inside):
                top, left = row * SIZE, column * SIZE
                shifted = inside - np.array([left, top, left, top], np.float32)
                found.append((image[top : top + SIZE, left : left + SIZE], np.clip(shifted, 0, SIZE)))
    return found


INFO = DatasetInfo(
    name="tree_crowns",
    title="Tree crowns in aerial photographs, with boxes",
    description=(
        "144 tiles of four aerial photographs with the boxes of 874 trees, living or dead, at 0.1 m per pixel. "
        "Features: float32 (examples, 200, 200, 3), scaled from 0..255 to [0, 1]. Labels: a dictionary of boxes, "
        "float32 (examples, 20, 4), with x_min, y_min, x_max and y_max in pixels, where unused rows are 0; of classes, "
        "int32 (examples, 20), 0 for a tree and -1 for an unused row; and of photograph, int32 (examples,), the index "
        "of the photograph. A box belongs to the tile that contains its center and is clipped to it; 26 tiles without "
        "a box are left out. Split by photograph: 0 (YELL_528000, 106 tiles, 520 trees) for training, 2 (OSBS_029, 4 "
        "tiles, 61 trees) and 3 (SOAP_061, 4 tiles, 37 trees) for validation, and 1 (YELL_541000, 30 tiles, 256 "
        "trees) for test. tensorsmith.data.tree_crown_photographs returns the whole photographs, with all 951 boxes."
    ),
    licence="MIT (licence of the package that contains the data)",
    source=(
        "B. G. Weinstein et al., DeepForest: A Python Package for RGB Deep Learning Tree Crown Delineation, Methods in "
        "Ecology and Evolution 11, 2020, https://github.com/weecology/DeepForest; photographs of the National "
        "Ecological Observatory Network (NEON)"
    ),
    splits={"train": 106, "validation": 8, "test": 30},
    read=read,
    sources=(PythonArchive(FILES, name="deepforest", version="2.1.0", archive=WHEEL, folder="deepforest/data"),),
    kind="images",
    shape=(SIZE, SIZE, 3),
    levels=256,
    label={
        "boxes": Column("float32", "pixels", (MOST_BOXES, 4)),
        "classes": Column("int32", "", (MOST_BOXES,)),
        "photograph": Column("int32"),
    },
    class_names=("tree",),
)
