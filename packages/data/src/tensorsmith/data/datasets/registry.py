"""The data sets by name. Each is a file in `sets`, whose name is its name; adding a file adds a data set."""

import importlib
import pkgutil
from pathlib import Path

from tensorsmith.core import argument_error, check, did_you_mean
from tensorsmith.data.datasets import sets
from tensorsmith.data.datasets.dataset import Dataset, DatasetInfo
from tensorsmith.data.datasets.obtain import cache_folder, obtain


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


def load_split(name: str, split: str, folder: Path | None = None) -> Dataset:
    """Loads one split of a data set of this package.

    Args:
        name: One of `names()`.
        split: One of `info(name).splits`.
        folder: A folder with the files in it, in case they are nowhere else.

    Raises:
        ValueError: There is no such data set or split.
        DataNotFoundError: The files could not be obtained.

    Example:
        >>> load_split("digits", "test").labels[:5]
        array([5, 2, 8, 1, 7], dtype=int32)
    """
    description = info(name)
    splits = description.splits
    check(split in splits, "split", split, f"one of {', '.join(splits)}", did_you_mean(str(split), splits))
    features, labels = description.read(obtain(description, folder), split)
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
        DataNotFoundError: The files could not be obtained.

    Example:
        >>> fetch("digits").name
        'digits'
    """
    obtain(info(name))
    return cache_folder() / name
