"""Features of batches as arrays of rows, which have the shapes and dtypes of a schema."""

from collections.abc import Iterable, Sized
from typing import Any

import numpy as np

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.data.preprocessing.choices import values_per_example
from tensorsmith.tfrecord import Feature
from tensorsmith.tfrecord.schema import FLOATS, STRINGS


def as_read(feature: Feature) -> Feature:
    """Returns a required feature of the dtype with which `examples` reads it."""
    return Feature(feature.tensor_dtype, feature.shape, feature.encoding, format=feature.format)


def as_rows(name: str, feature: Feature, values: TensorLike) -> np.ndarray:
    """Returns the values of a feature as an array of shape `(batch, values)`."""
    array, width = np.asarray(values), values_per_example(feature)
    fits = array.ndim > 0 and array.size == len(array) * width
    check(fits, name, array.shape, f"have shape {(None, *feature.shape)}", "call `dataset.batch`")
    texts = feature.dtype in STRINGS
    check(
        texts == (array.dtype.kind in "OSU"), name, array.dtype.name, f"have dtype {feature.dtype} to match the schema"
    )
    rows = array.reshape(len(array), width)
    if texts:
        return _as_bytes(name, rows)
    cast = rows.astype(feature.dtype)
    lost = feature.dtype not in (*FLOATS, "float64") and not np.array_equal(cast, rows)
    check(
        not lost,
        name,
        Verbatim(f"numbers that {feature.dtype} cannot represent"),
        f"contain numbers of dtype {feature.dtype} to match the schema",
    )
    return cast


def _as_bytes(name: str, rows: np.ndarray) -> np.ndarray:
    """Encodes an array of strings as an array of bytes."""
    found = [text.encode() if isinstance(text, str) else text for text in rows.ravel().tolist()]
    wrong = next((text for text in found if not isinstance(text, bytes)), b"")
    check(isinstance(wrong, bytes), name, wrong, "contain only strings")
    encoded = np.empty(len(found), object)
    encoded[:] = found
    return encoded.reshape(rows.shape)


def number_of_batches(dataset: Iterable[Any]) -> int | None:
    """Returns the number of batches in a dataset, or `None` if it is unknown.

    Raises:
        ValueError: If the dataset is infinite.
    """
    if not hasattr(dataset, "cardinality"):
        return len(dataset) if isinstance(dataset, Sized) else None
    count = int(dataset.cardinality())
    check(
        count != -1,
        "dataset",
        dataset,
        "finite",
        "call `adapt` before `repeat`, or select a finite number of batches with `take`",
    )
    return count if count >= 0 else None
