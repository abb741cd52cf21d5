"""Interpretation of bytes features as strings, numbers or images, as specified in `schema.yaml`."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tensorsmith.core import ArgumentError, Verbatim, check, replace_file
from tensorsmith.records import Column
from tensorsmith.tfrecord.schema import IMAGES, VALUE, Feature, Schema

SCHEMA = "schema.yaml"


@dataclass(frozen=True)
class Stored:
    """Dtype of the values that are stored in a bytes feature.

    Attributes:
        dtype: "string", or the dtype of the numbers that the bytes hold.
        is_single: `True` if the value is a scalar.
    """

    dtype: str
    is_single: bool = False


def stored_as_bytes(files: Iterable[str | os.PathLike[str]]) -> dict[str, Stored]:
    """Returns the dtypes of bytes features that store strings or numbers, according to `schema.yaml`.

    Args:
        files: Paths of TFRecord files, whose folder may contain a file `schema.yaml`.

    Returns:
        Name of each such feature mapped to its interpretation. The result is empty if the files are in several folders
        or if there is no schema. Complex numbers, and features that the schema explicitly encodes as bytes, are not
        included.
    """
    found = {}
    for name, feature in declared_features(files).items():
        if feature.dtype == "string":
            found[name] = Stored("string")
        elif (
            feature.is_raw and not feature.encoding and not feature.sequence and np.dtype(feature.dtype).kind in "biuf"
        ):
            found[name + VALUE if feature.is_shaped else name] = Stored(feature.dtype, feature.shape == ())
    return found


def declared_features(files: Iterable[str | os.PathLike[str]]) -> Mapping[str, Feature]:
    """Returns the features in the `schema.yaml` next to TFRecord files, or no features if they are in several folders.

    Args:
        files: Paths of TFRecord files.
    """
    folders = {Path(path).parent for path in files}
    return _features_beside(folders.pop()) if len(folders) == 1 else {}


def copy_schema(files: Iterable[str | os.PathLike[str]], folder: Path) -> None:
    """Copies the `schema.yaml` next to TFRecord files to another folder, unless there is one.

    Args:
        files: Paths of TFRecord files. If they are in several folders, nothing is copied.
        folder: Folder to which the schema is copied.
    """
    files = list(files)
    if declared_features(files) and not os.path.lexists(folder / SCHEMA):
        with replace_file(folder / SCHEMA) as draft:
            draft.write_bytes((Path(files[0]).parent / SCHEMA).read_bytes())


def image_features(file: str | os.PathLike[str]) -> list[str]:
    """Returns the names of the image features, according to the `schema.yaml` next to a TFRecord file."""
    return [name for name, feature in _features_beside(Path(file).parent).items() if feature.encoding in IMAGES]


def _features_beside(folder: Path) -> Mapping[str, Feature]:
    """Returns the features in the `schema.yaml` of a folder. The result is empty if there is no schema."""
    path = folder / SCHEMA
    try:
        return Schema.load(path).features if path.exists() else {}
    except ArgumentError:  # a file of the same name from another program
        return {}


def numbers_of(name: str, column: Column, stored: Mapping[str, Stored]) -> tuple[np.ndarray, np.ndarray] | None:
    """Decodes the numbers that a bytes column contains.

    Args:
        name: Name of the feature.
        column: Column of bytes values to decode.
        stored: Mapping from feature names to the interpretation of the bytes, as returned by `stored_as_bytes`.

    Returns:
        The numbers of all rows and the offsets of the rows in them, or `None` if the column does not hold numbers.

    Raises:
        ValueError: If the bytes are not valid values of the dtype in the schema.
    """
    if column.bounds is None or column.steps is not None or stored.get(name, Stored("string")).dtype == "string":
        return None
    dtype = np.dtype(stored[name].dtype).newbyteorder("<")
    uneven = column.bounds % dtype.itemsize != 0
    received = f"{int(np.diff(column.bounds)[uneven[1:].argmax()])} bytes" if uneven.any() else ""
    check(
        not received,
        name,
        Verbatim(received),
        f"contain values of dtype {dtype.name} to match {SCHEMA}",
        f"remove {SCHEMA} to read the values as bytes",
    )
    return column.values.view(dtype), column.bounds[column.rows] // dtype.itemsize
