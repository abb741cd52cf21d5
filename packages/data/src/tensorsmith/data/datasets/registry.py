"""Registry of data sets by name. Each module in `sets` defines one data set."""

import importlib
import pkgutil
import runpy
from pathlib import Path

from tensorsmith.core import Verbatim, argument_error, check, did_you_mean
from tensorsmith.data.datasets import sets
from tensorsmith.data.datasets.dataset import Dataset, DatasetInfo
from tensorsmith.data.datasets.obtain import cache_folder, obtain


def names() -> tuple[str, ...]:
    """Returns the names of all data sets.

    Example:
        >>> "digits" in names()
        True
    """
    return tuple(sorted(module.name for module in pkgutil.iter_modules(sets.__path__)))


def info(name: str) -> DatasetInfo:
    """Returns the description of a data set without fetching the data.

    Args:
        name: Name of the data set, one of `names()`, or the path of a `.py` file that defines its description as
            `INFO`.

    Raises:
        ValueError: If the data set does not exist.

    Example:
        >>> info("fashion_mnist").splits
        {'train': 55000, 'validation': 5000, 'test': 10000}
        >>> info("fashion_mnist").licence
        'MIT'
    """
    if isinstance(name, str) and name.endswith(".py"):
        return _info_in(Path(name))
    known = names()
    if name not in known:
        remedy = did_you_mean(name, known) if isinstance(name, str) else ""
        raise argument_error("name", name, f"one of {', '.join(known)}", remedy)
    description: DatasetInfo = importlib.import_module(f"{sets.__name__}.{name}").INFO
    return description


def load_split(name: str, split: str, folder: Path | None = None) -> Dataset:
    """Loads one split of a data set of this package.

    Args:
        name: Name of the data set, one of `names()`, or the path of a `.py` file.
        split: Name of the split, one of `info(name).splits`.
        folder: Folder that contains the files of the data set. It is searched if the files cannot be obtained in
            another way.

    Raises:
        ValueError: If the data set or split does not exist.
        DataNotFoundError: If the files could not be obtained.

    Example:
        >>> load_split("digits", "test").labels[:5]
        array([5, 2, 8, 1, 7], dtype=int32)
    """
    description = info(name)
    splits = description.splits
    known = isinstance(split, str) and split in splits
    check(known, "split", split, f"one of {', '.join(splits)}", did_you_mean(str(split), splits))
    features, labels = description.read(obtain(with_files(description), folder), split)
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
    values = runpy.run_path(str(path))
    description = values.get("INFO")
    received = Verbatim(f"{path}, which does not define INFO")
    check(isinstance(description, DatasetInfo), "name", received, "a file that defines INFO, a DatasetInfo")
    assert isinstance(description, DatasetInfo)
    return description
