"""Registry of data sets by name. Each module in `sets` defines one data set."""

import importlib
import os
import pkgutil
import re
import runpy
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tensorsmith.core import Verbatim, argument_error, check, did_you_mean, read_text
from tensorsmith.data.datasets import sets
from tensorsmith.data.datasets.dataset import Dataset, DatasetInfo
from tensorsmith.data.datasets.image_files import check_image_shape
from tensorsmith.data.datasets.obtain import cache_folder, obtain
from tensorsmith.data.datasets.own_files import is_own, own_info

DEFINITION = re.compile(r"^INFO\b", re.MULTILINE)
KINDS = {"table": "columns", "series": "series", "texts": "strings", "text": "text"}  # in error messages
LARGEST_SCRIPT = 1_000_000  # bytes


def names() -> tuple[str, ...]:
    """Returns the names of all data sets.

    Example:
        >>> "digits" in names()
        True
    """
    return tuple(sorted(module.name for module in pkgutil.iter_modules(sets.__path__)))


def info(
    name: str | os.PathLike[str],
    *,
    image_shape: Sequence[int] | None = None,
    target: str | None = None,
    classes: bool = False,
) -> DatasetInfo:
    """Returns the description of a data set without fetching the data.

    Args:
        name: Name of the data set, one of `names()`; the path of a `.py` file that defines its description as `INFO`;
            the path of a folder with a subfolder of images for each class; or the path of a CSV, TSV or Parquet file.
        image_shape: Shape `(height, width)` or `(height, width, channels)` of the images to load. Images in a folder
            are converted to it. The first frame of an animated image is read, and images with more than 8 bits per
            channel are refused.
        target: Column with the labels, for a CSV, TSV or Parquet file. Defaults to the last one.
        classes: If `True`, the labels of a CSV, TSV or Parquet file are classes, even if they are numbers.

    Raises:
        ValueError: If the data set does not exist, or does not have this shape or column.

    Example:
        >>> info("fashion_mnist").splits
        {'train': 55000, 'validation': 5000, 'test': 10000}
        >>> info("fashion_mnist").licence
        'MIT'
    """
    name = os.fspath(name) if isinstance(name, os.PathLike) else name
    check_image_shape(image_shape)
    known = names()
    if isinstance(name, str) and name not in known and is_own(name):
        return own_info(name, image_shape, target, classes)
    check(target is None, "target", target, f"None for the data set {name}, which is not a table in a file")
    if isinstance(name, str) and name.endswith(".py"):
        description = _info_in(Path(name))
    elif name in known:
        description = importlib.import_module(f"{sets.__name__}.{name}").INFO
    else:
        remedy = did_you_mean(name, known) if isinstance(name, str) else ""
        raise argument_error("name", name, f"one of {', '.join(known)}, or an existing folder or table", remedy)
    if image_shape is not None:
        size = tuple(size for size in image_shape if size != 1)
        remedy = "pass a data set with such images, or a folder of images, which are resized"
        fits = description.kind == "images" and tuple(size for size in description.shape if size != 1) == size
        kind = f"images of shape {description.shape}" if description.kind == "images" else KINDS[description.kind]
        received = Verbatim(f"{name}, a data set of {kind}")
        check(fits, "data", received, f"a data set of images of shape {tuple(image_shape)}", remedy)
    return description


def load_split(
    name: str | os.PathLike[str],
    split: str,
    folder: Path | None = None,
    image_shape: Sequence[int] | None = None,
    target: str | None = None,
    classes: bool = False,
) -> Dataset:
    """Loads one split of a data set of this package, or of the files of a user.

    Args:
        name: Name or path of the data set, as for `info`.
        split: Name of the split, one of `info(name).splits`.
        folder: Folder that contains the files of the data set. It is searched if the files cannot be obtained in
            another way.
        image_shape: Shape of the images, as for `info`.
        target: Column with the labels, as for `info`.
        classes: If `True`, labels are classes, as for `info`.

    Raises:
        ValueError: If the data set or split does not exist.
        DataNotFoundError: If the files could not be obtained.

    Example:
        >>> load_split("digits", "test").labels[:5]
        array([5, 2, 8, 1, 7], dtype=int32)
    """
    description = info(name, image_shape=image_shape, target=target, classes=classes)
    splits = description.splits
    known = isinstance(split, str) and split in splits
    check(known, "split", split, f"one of {', '.join(splits)}", did_you_mean(str(split), splits))
    features, labels = description.read(obtain(with_files(description), folder), split)
    if image_shape is not None and isinstance(features, np.ndarray):
        features = features.reshape(len(features), *image_shape)  # only axes of length 1 may differ
    return Dataset(
        name=description.name,
        split=split,
        features=features,
        labels=labels,
        class_names=description.class_names,
        feature_names=description.feature_names,
        source=description.source,
        licence=description.licence,
    )


def fetch(name: str) -> Path:
    """Fetches the files of a data set to the cache, unless they are already cached.

    Args:
        name: Name of the data set, one of `names()`, or the path of a `.py` file.

    Returns:
        The folder in the cache that contains the files. For a data set that is generated from another one, such as
        composed_fashion, it is the folder of that one. It may not exist for a data set without files, such as digits.

    Raises:
        ValueError: If the data set does not exist.
        DataNotFoundError: If the files could not be obtained.

    Example:
        >>> fetch("digits").name
        'digits'
    """
    description = with_files(info(name))
    obtain(description)
    return cache_folder() / description.name


def with_files(description: DatasetInfo) -> DatasetInfo:
    """Returns the description of the data set whose files are read, which is another one for generated data sets."""
    return with_files(info(description.base)) if description.base else description


def _info_in(path: Path) -> DatasetInfo:
    """Returns the description of the data set that a file defines."""
    check(path.is_file(), "name", str(path), "an existing file")
    received, expected = Verbatim(f"{path}, which does not define INFO"), "a file that defines INFO, a DatasetInfo"
    # Other scripts, whose names may come from a configuration, are not executed.
    check(bool(DEFINITION.search(read_text(path, LARGEST_SCRIPT))), "name", received, expected)
    description = runpy.run_path(str(path)).get("INFO")
    check(isinstance(description, DatasetInfo), "name", received, expected)
    assert isinstance(description, DatasetInfo)
    return description
