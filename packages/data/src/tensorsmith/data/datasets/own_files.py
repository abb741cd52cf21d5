"""Data sets in the files of a user: a folder of images with a subfolder for each class, or a table."""

import functools
import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tensorsmith.core import Verbatim, argument_error, check, did_you_mean
from tensorsmith.data.datasets.dataset import Column, Content, DatasetInfo
from tensorsmith.data.datasets.image_files import SUFFIXES, find_images, read_images

if TYPE_CHECKING:
    from tensorsmith.data.datasets.table_files import Table
    from tensorsmith.tfrecord import Schema

logger = logging.getLogger(__name__)

TABLES = (".csv", ".tsv", ".parquet")
SPLIT_FOLDERS = {
    "train": "train",
    "validation": "validation",
    "val": "validation",
    "valid": "validation",
    "test": "test",
}
FRACTIONS = {"validation": 0.1, "test": 0.2}  # of the examples, or of each class
SEED = 42
EXACT = 1 << 24  # largest integer up to which float32 represents all integers


def is_own(name: str) -> bool:
    """Returns `True` if a name is the path of an existing folder or table."""
    return bool(name) and (Path(name).is_dir() or is_own_table(name))


def is_own_table(name: str) -> bool:
    """Returns `True` if a name is the path of an existing table."""
    return name.lower().endswith(TABLES) and Path(name).is_file()


def own_info(name: str, image_shape: Sequence[int] | None, target: str | None, classes: bool = False) -> DatasetInfo:
    """Returns the description of the data set in a folder of images or in a table.

    Args:
        name: Path of the folder or of the file.
        image_shape: Shape to which images are converted, or `None` for that of the files.
        target: Name of the column of a table that contains the labels, or `None` for the last one.
        classes: If `True`, the labels of a table are classes, even if they are numbers.

    Raises:
        ValueError: If the folder has no classes, or if the table has no such column.
    """
    if Path(name).is_dir():
        check(target is None, "target", target, "None for a folder of images")
        return _folder_info(Path(name), image_shape)
    expected = "a folder with a subfolder of images for each class, or the name of a data set of images"
    remedy = "pass such a folder, or run a recipe for tables: mlp/adult for classes, or mlp/california for numbers"
    check(image_shape is None, "data", Verbatim(f"the table {name}"), expected, remedy)
    return _table_info(Path(name), target, classes)


def check_table(name: str) -> None:
    """Raises an error if a name is that of a folder, where a recipe needs a table."""
    expected = "a CSV, TSV or Parquet file, or the name of a data set of columns"
    remedy = "pass a file, or run a recipe for images, such as cnn/fashion_mnist"
    check(not Path(name).is_dir(), "data", Verbatim(f"the folder {name}"), expected, remedy)


def own_schema(name: str) -> "Schema | None":
    """Returns the schema of a table in a file of the user, or `None` for any other name."""
    return _table(Path(name), Path(name).stat().st_mtime_ns)[0].schema if is_own_table(name) else None


def describe_columns(name: str, columns: Collection[str]) -> str:
    """Returns a list of columns of strings of a data set, with the reason that they are not numbers."""
    if not is_own_table(name):
        return ", ".join(columns)
    return ", ".join(map(_table(Path(name), Path(name).stat().st_mtime_ns)[0].describe, columns))


def _folder_info(folder: Path, image_shape: Sequence[int] | None) -> DatasetInfo:
    files, names = _image_splits(folder)

    def read(_: Mapping[str, Path], split: str) -> Content:
        if split == "train":  # once for each time that the data set is loaded
            _log_skipped(folder, {path for pairs in files.values() for _, path in pairs})
        labels = np.array([names.index(label) for label, _ in files[split]], np.int32)
        return read_images([path for _, path in files[split]], image_shape), labels

    counts = {split: len(paths) for split, paths in files.items()}
    return DatasetInfo(
        name=str(folder),
        title=f"Images in {folder}",
        description=(
            f"{sum(counts.values()):,} images in {len(names)} classes. Features: float32, scaled to [0, 1]. "
            "Labels: int32 (examples,), the position of the folder of the class in alphabetical order."
        ),
        licence="that of the files",
        source=str(folder),
        splits=counts,
        read=read,
        kind="images",
        shape=tuple(image_shape or ()),
        levels=256,
        label=Column("int32"),
        class_names=names,
    )


def _image_splits(folder: Path) -> tuple[dict[str, list[tuple[str, Path]]], tuple[str, ...]]:
    """Returns pairs of a class name and an image file for each split, and the names of all classes."""
    children = {child.name: child for child in sorted(folder.iterdir()) if child.is_dir() and child.name[0] != "."}
    if "train" in children and children.keys() <= SPLIT_FOLDERS.keys():
        files = {SPLIT_FOLDERS[name]: _by_class(child) for name, child in children.items()}
        missing = [] if "validation" in files else ["validation"]
    else:
        files, missing = {"train": _by_class(folder)}, list(FRACTIONS)
    names = tuple(sorted({label for label, _ in files["train"]}))
    expected = f"a folder with a subfolder of images ({', '.join(SUFFIXES)}) for each of at least 2 classes"
    received = Verbatim(f"{folder} with images in {len(names)} such subfolder{'' if len(names) == 1 else 's'}")
    check(len(names) > 1, "data", received, expected)
    for split, pairs in files.items():
        strange = sorted({label for label, _ in pairs} - set(names))
        received = Verbatim(f"the class {', '.join(strange)} in {split}")
        check(not strange, "data", received, "contain only classes of the folder train")
    whole = files["train"]
    parts = _parts([label for label, _ in whole], missing)
    files |= {split: [whole[index] for index in rows] for split, rows in parts.items()}
    return {split: files[split] for split in ("train", "validation", "test") if split in files}, names


def _by_class(folder: Path) -> list[tuple[str, Path]]:
    """Returns pairs of the name of a subfolder and an image file in it."""
    return [(path.relative_to(folder).parts[0], path) for path in find_images(folder) if path.parent != folder]


def _log_skipped(folder: Path, used: set[Path]) -> None:
    """Logs the number of files in a folder that are not used, if there are any."""
    skipped = sorted(path for path in folder.rglob("*") if not path.is_dir() and path not in used)
    if skipped:
        count = f"{len(skipped):,} file{'' if len(skipped) == 1 else 's'}"
        logger.info("%s: skipped %s (no images of a class), such as %s", folder, count, skipped[0].name)


def _table_info(path: Path, target: str | None, classes: bool) -> DatasetInfo:
    table, every = _table(path, path.stat().st_mtime_ns)
    columns = dict(every)
    target = target if target is not None else list(columns)[-1]
    if target not in columns:
        raise argument_error(
            "target", target, f"one of the columns {', '.join(columns)}", did_you_mean(target, columns)
        )
    labels, names = columns.pop(target), tuple[str, ...]()
    check(len(columns) > 0, "data", Verbatim(f"{path} with the single column {target}"), "a table of several columns")
    if classes or labels.dtype == object or table.is_yes_or_no(target):
        labels, names = _classes(table, target, path, classes)
    parts = _parts([names[label] for label in labels] if names else [""] * len(labels), FRACTIONS)
    features = table.schema.features
    kinds = {
        name: Column("string")
        if values.dtype == object
        else Column("float32", f"{features[name].time_unit} since 1970-01-01" if features[name].format else "")
        for name, values in columns.items()
    }

    def read(_: Mapping[str, Path], split: str) -> Content:
        chosen = {name: values[parts[split]] for name, values in columns.items()}
        matrix = all(values.dtype != object for values in chosen.values())
        return np.stack(list(chosen.values()), axis=1) if matrix else chosen, labels[parts[split]]

    return DatasetInfo(
        name=str(path),
        title=f"Table {path}",
        description=(
            f"{len(labels):,} rows. Features: the columns {', '.join(columns)}. Labels: the column {target}. Missing "
            "numbers are NaN. Split at random with a fixed seed."
        ),
        licence="that of the file",
        source=str(path),
        splits={split: len(rows) for split, rows in parts.items()},
        read=read,
        kind="table",
        columns=kinds,
        label=Column("int32" if names else "float32", target),
        class_names=names,
    )


def _classes(table: "Table", target: str, path: Path, required: bool) -> tuple[np.ndarray, tuple[str, ...]]:
    """Returns the class of each row, and the names of the classes, in the order of the numbers or of the alphabet."""
    cells = np.array([cell.strip() for cell in table.strings(target)], object)
    if required:
        remedy = f"fill in the classes, or remove these rows; {len(set(cells) - {''}):,} classes were found"
        missing = [number for number, cell in enumerate(cells, 1) if not cell]
        received = Verbatim(
            f"{path} with missing classes in {len(missing):,} rows, first in row {(missing or [0])[0]:,}"
        )
        check(not missing, "target", received, f"a column of classes ({target})", remedy)
    feature = table.schema.features[target]
    if feature.dtype in ("string", "bool") or feature.format:
        names = sorted(set(cells))
    else:
        numbers = dict(zip(cells, table.column(target), strict=True))
        names = sorted(numbers, key=lambda cell: float(numbers[cell]))
    positions = {name: position for position, name in enumerate(names)}
    return np.array([positions[cell] for cell in cells], np.int32), tuple(names)


@functools.lru_cache(maxsize=2)  # the description and each split read the same file
def _table(path: Path, changed: int) -> "tuple[Table, dict[str, np.ndarray]]":
    """Returns a table and its columns: float32, or strings as objects. `changed` is the time of the last change."""
    from tensorsmith.data.datasets.table_files import read_table  # imports pyarrow

    table = read_table(path, "data")
    check(table.count > 0, "data", Verbatim(f"{path} without rows"), "a table with rows")

    def as_array(name: str) -> np.ndarray:
        values = table.column(name)
        if values.dtype == object:
            return values
        feature = table.schema.features[name]
        is_integer = feature.dtype.startswith(("int", "uint"))
        if feature.format and feature.time_unit == "seconds":
            logger.info("%s: column %s contains seconds, which float32 rounds to about 2 minutes", path, name)
        elif is_integer and np.fmax.reduce(np.abs(values.astype(np.float64)), initial=0) > EXACT:
            logger.warning(
                "%s: column %s has integers beyond 2**24, which float32 rounds; remove it if it is an identifier, "
                "or scale it",
                path,
                name,
            )
        return values.astype(np.float32)

    if described := table.describe_options():
        logger.info("%s: %s", path, described)
    return table, {name: as_array(name) for name in table.names}


def _parts(labels: Sequence[str], held_out: Collection[str]) -> dict[str, np.ndarray]:
    """Returns the indices of the examples of each split, drawn from each class with a fixed seed.

    Args:
        labels: Class of each example.
        held_out: Names of the splits in addition to "train".
    """
    generator = np.random.default_rng(SEED)
    parts: dict[str, list[int]] = {split: [] for split in ("train", *FRACTIONS) if split in ("train", *held_out)}
    positions: dict[str, list[int]] = {}
    for index, label in enumerate(labels):
        positions.setdefault(label, []).append(index)
    for label, rows in positions.items():
        received = Verbatim(f"{len(rows)} examples" + (f" of the class {label}" if label else ""))
        expected = f"contain at least {len(parts)} examples of each class, one for each split"
        remedy = "add examples, remove this class, or pass another column of classes as target" if label else ""
        check(len(rows) >= len(parts), "data", received, expected, remedy)
        order = generator.permutation(rows).tolist()
        for split in list(parts)[1:]:
            count = max(1, round(FRACTIONS[split] * len(rows)))
            parts[split] += order[:count]
            order = order[count:]
        parts["train"] += order
    return {split: np.sort(np.array(rows)) for split, rows in parts.items()}
