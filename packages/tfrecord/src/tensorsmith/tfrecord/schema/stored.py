"""What the schema beside TFRecord files says of values that are stored as bytes."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tensorsmith.core import ArgumentError, check
from tensorsmith.records import Column
from tensorsmith.tfrecord.schema import VALUE, Schema

SCHEMA = "schema.yaml"


@dataclass(frozen=True)
class Stored:
    """What values that are bytes mean.

    Attributes:
        dtype: "string", or the type of the numbers whose bytes they are.
        is_single: Whether it is one number.
    """

    dtype: str
    is_single: bool = False


def stored_as_bytes(files: Iterable[str | os.PathLike[str]]) -> dict[str, Stored]:
    """Texts, and numbers that no list of float32 or int64 holds, by the `schema.yaml` beside the files.

    Args:
        files: TFRecord files.

    Returns:
        Name of a stored feature to what its values mean; nothing where the files lie in several folders, or where there
        is no schema. Complex numbers, and what the schema stores as bytes by its own choice, stay bytes.
    """
    folders = {Path(path).parent for path in files}
    path = next(iter(folders)) / SCHEMA if len(folders) == 1 else Path(SCHEMA)
    if len(folders) != 1 or not path.exists():
        return {}
    try:
        schema = Schema.load(path)
    except ArgumentError:  # another program's file of this name
        return {}
    found = {}
    for name, feature in schema.features.items():
        if feature.dtype == "string":
            found[name] = Stored("string")
        elif (
            feature.is_raw and not feature.encoding and not feature.sequence and np.dtype(feature.dtype).kind in "biuf"
        ):
            found[name + VALUE if feature.is_shaped else name] = Stored(feature.dtype, feature.shape == ())
    return found


def numbers_of(name: str, column: Column, stored: Mapping[str, Stored]) -> tuple[np.ndarray, np.ndarray] | None:
    """The numbers of all rows of a column, and where each row begins among them; none where its bytes are no numbers.

    Raises:
        ValueError: The bytes cannot be values of the dtype that the schema says.
    """
    if column.bounds is None or column.steps is not None or stored.get(name, Stored("string")).dtype == "string":
        return None
    dtype = np.dtype(stored[name].dtype).newbyteorder("<")
    uneven = column.bounds % dtype.itemsize != 0
    received = f"{int(np.diff(column.bounds)[uneven[1:].argmax()])} bytes" if uneven.any() else ""
    check(not received, name, received, f"values of {dtype.name}, as {SCHEMA} says", f"remove {SCHEMA}")
    return column.values.view(dtype), column.bounds[column.rows] // dtype.itemsize
