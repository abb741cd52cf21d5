"""Named photographs of several sizes, which no data set of equally shaped images can contain."""

import os
from dataclasses import dataclass

import numpy as np

from tensorsmith.data.datasets.hosts import File, Host, PythonArchive
from tensorsmith.data.datasets.image_files import open_image
from tensorsmith.data.datasets.obtain import existing_folder, obtain
from tensorsmith.data.datasets.sets import tree_crowns

FILES = (
    File("astronaut.png", 791555, "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"),
    File("chelsea.png", 240512, "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb"),
    File("coffee.png", 466706, "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7"),
    File("rocket.jpg", 112525, "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c"),
)
# The wheel of one platform is pinned. Only images are taken from it.
WHEEL = File(
    "scikit_image-0.26.0-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl",
    13711217,
    "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
)
INSTALLED = ("china.jpg", "flower.jpg")
"""Photographs that scikit-learn contains."""


@dataclass(frozen=True)
class _Photographs:
    """Files of the photographs that no installed package contains."""

    name: str = "sample_photographs"
    source: str = "the authors of scikit-image, https://scikit-image.org"
    sources: tuple[Host, ...] = (
        PythonArchive(FILES, name="scikit-image", version="0.26.0", archive=WHEEL, folder="skimage/data"),
    )


def sample_photographs(*, folder: str | os.PathLike[str] | None = None) -> dict[str, np.ndarray]:
    """Loads six photographs by name, for filters, style transfer, super-resolution and pretrained classifiers.

    Two of them are part of scikit-learn. The others are fetched from the wheel of scikit-image, cached and verified as
    the files of data sets are, see `load`.

    - "astronaut" (512, 512, 3): Eileen Collins, by NASA; public domain.
    - "chelsea" (300, 451, 3): a cat, by S. van der Walt; CC0.
    - "china" (427, 640, 3): a Chinese temple, by danielbuechele on Flickr; CC-BY-2.0.
    - "coffee" (400, 600, 3): a cup of espresso, by R. Michetti; CC0.
    - "flower" (427, 640, 3): a dahlia, by vultilion on Flickr; CC-BY-2.0.
    - "rocket" (427, 640, 3): a Falcon 9 on its launch pad, by SpaceX; public domain.

    Args:
        folder: Folder that contains the files of scikit-image, searched if they cannot be obtained in another way.

    Returns:
        A dictionary that maps the names to arrays, uint8 `(height, width, 3)`, in alphabetical order.

    Raises:
        ValueError: If the folder does not exist.
        DataNotFoundError: If the files could not be obtained; the message lists every source and why it failed.

    Example:
        >>> sample_photographs()["chelsea"].shape  # doctest: +SKIP
        (300, 451, 3)
    """
    from sklearn.datasets import load_sample_image

    files = obtain(
        _Photographs(), existing_folder(folder), noun="photographs", usage='sample_photographs(folder="downloads")'
    )
    images = {name.partition(".")[0]: np.array(open_image(path).convert("RGB")) for name, path in files.items()}
    images |= {name.partition(".")[0]: np.array(load_sample_image(name)) for name in INSTALLED}
    return dict(sorted(images.items()))


def tree_crown_photographs(*, folder: str | os.PathLike[str] | None = None) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Loads the four aerial photographs of the data set "tree_crowns" as a whole, with the boxes of all 951 trees.

    Args:
        folder: Folder that contains the files of the data set, searched if they cannot be obtained in another way.

    Returns:
        A dictionary that maps the names of the photographs, in the order of their indices in the data set, to pairs:

        - the image, uint8 `(height, width, 3)`: (2472, 2299, 3) for "YELL_528000", (1035, 1249, 3) for "YELL_541000",
          (400, 400, 3) for "OSBS_029" and "SOAP_061";
        - the boxes, float32 `(trees, 4)`, with x_min, y_min, x_max and y_max in pixels: 574, 279, 61 and 37 trees.

    Raises:
        ValueError: If the folder does not exist.
        DataNotFoundError: If the files could not be obtained; the message lists every source and why it failed.

    Example:
        >>> image, boxes = tree_crown_photographs()["OSBS_029"]  # doctest: +SKIP
        >>> image.shape, boxes.shape  # doctest: +SKIP
        ((400, 400, 3), (61, 4))
    """
    files = obtain(tree_crowns.INFO, existing_folder(folder))
    return {name: tree_crowns.read_photograph(files, name) for name in tree_crowns.PHOTOGRAPHS}
