"""Creation of data sources from arguments of `fit` and `evaluate`."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.core import Verbatim, argument_error, check
from tensorsmith.core.types import Dataset, NestedArrays
from tensorsmith.training.inputs.checked import as_array, check_first_batch, first_batch, to_arrays, weigh_classes
from tensorsmith.training.inputs.py_dataset import from_py_dataset
from tensorsmith.training.inputs.sources import ArraySource, BatchSource
from tensorsmith.training.inputs.streams import StreamSource


def make_source(
    model: keras.Model | None,
    x: NestedArrays | Dataset | keras.utils.PyDataset,
    y: NestedArrays | None = None,
    *,
    sample_weight: NestedArrays | None = None,
    class_weight: Mapping[int, float] | None = None,
    batch_size: int = 32,
    seed: int | None = None,
    steps_per_epoch: int | None = None,
) -> BatchSource:
    """Returns a data source that provides batches of validated data.

    Args:
        model: Model that the examples must be compatible with, or `None` for custom steps.
        x: Input data: arrays, or a batched dataset or `PyDataset` that also contains targets and sample weights.
        y: Target data.
        sample_weight: Sample weights.
        class_weight: Mapping from class indices to weights.
        batch_size: Number of examples per batch for arrays.
        seed: Random seed for shuffling arrays, or the batches of a `PyDataset`. If `None`, they are not shuffled.
        steps_per_epoch: Number of steps per epoch. Defaults to one pass over the data.

    Raises:
        ValueError: If the data are invalid.
    """
    check(steps_per_epoch is None or steps_per_epoch >= 1, "steps_per_epoch", steps_per_epoch, ">= 1, or None")
    if callable(x) or isinstance(x, Iterator):
        received = Verbatim(f"a {type(x).__name__}")
        expected = "arrays, a tf.data.Dataset or a keras.utils.PyDataset"
        remedy = "pass `tf.data.Dataset.from_generator(function, output_signature=...)` for a generator function"
        raise argument_error("x", received, expected, remedy)
    if not isinstance(x, tf.data.Dataset | keras.utils.PyDataset):
        check(batch_size >= 1, "batch_size", batch_size, ">= 1")
        arrays = to_arrays(model, x, y, sample_weight, class_weight)
        return ArraySource(arrays, batch_size, seed, steps_per_epoch)
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        check(
            value is None, name, value, "None when `x` is a dataset", f"include `{name}` in the elements of the dataset"
        )
    if isinstance(x, keras.utils.PyDataset):
        x, first = from_py_dataset(x, seed, endless=steps_per_epoch is not None)
        check_first_batch(model, first)
    else:
        first = first_batch(model, x)
    if steps_per_epoch is None and x.cardinality() == tf.data.INFINITE_CARDINALITY:
        remedy = "pass `steps_per_epoch` to `fit`, or a dataset that ends"
        raise argument_error("x", Verbatim("an infinite dataset"), "finite without `steps_per_epoch`", remedy)
    if not isinstance(x.element_spec, tuple):
        x = x.map(lambda features: (features,))
    return StreamSource(weigh_classes(x, class_weight) if class_weight is not None else x, first, steps_per_epoch)


def check_ends(data: Dataset | keras.utils.PyDataset, name: str) -> None:
    """Raises an error for an infinite dataset."""
    is_tf = isinstance(data, tf.data.Dataset)
    ends = data.cardinality() != tf.data.INFINITE_CARDINALITY if is_tf else data.num_batches is not None
    remedy = "call `dataset.take(steps)`" if is_tf else "return the number of batches in `__len__`"
    check(ends, name, Verbatim("an infinite dataset"), "finite", remedy)


def make_validation_source(
    model: keras.Model | None, data: tuple[Any, ...] | Dataset | keras.utils.PyDataset | None, batch_size: int
) -> BatchSource | None:
    """Returns a data source for validation data, or `None` if there are no validation data.

    Raises:
        ValueError: If `data` has another form, is infinite, or cannot be used for evaluation.
    """
    if data is None:
        return None
    if isinstance(data, tf.data.Dataset | keras.utils.PyDataset):
        check_ends(data, "validation_data")
        return make_source(model, data)
    check(
        isinstance(data, tuple) and len(data) in (2, 3),
        "validation_data",
        type(data).__name__,
        "(x, y), (x, y, sample_weight), a tf.data.Dataset or a keras.utils.PyDataset",
    )
    x, y, *weight = data
    return make_source(model, x, y, sample_weight=weight[0] if weight else None, batch_size=batch_size)


def split_arrays(
    fraction: float, x: NestedArrays, y: NestedArrays | None, sample_weight: NestedArrays | None
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Returns the training and the validation part of `(x, y, sample_weight)`, without shuffling, as in Keras.

    Args:
        fraction: Fraction of the examples that becomes the validation part, which is taken from the end.
        x: Input data.
        y: Target data.
        sample_weight: Sample weights.

    Raises:
        ValueError: If `x` does not consist of arrays, or if a part would be empty.
    """
    streams = isinstance(x, tf.data.Dataset | keras.utils.PyDataset)
    remedy = "pass `validation_data`"
    check(not streams, "validation_split", fraction, "0 unless `x` consists of arrays", remedy)
    arrays = keras.tree.map_structure(as_array, (x, y, sample_weight))
    leaves = [leaf for leaf in keras.tree.flatten(arrays) if leaf is not None]
    sound = bool(leaves) and all(np.ndim(leaf) > 0 for leaf in leaves)
    check(sound, "x", x, "an array", "convert lists of numbers with `np.asarray`")
    size = len(leaves[0])
    at = math.floor(size * (1.0 - fraction))
    expected = "a number for which neither training nor validation is without examples"
    check(0 < at < size, "validation_split", Verbatim(f"{fraction} for {size} examples"), expected, remedy)
    first = keras.tree.map_structure(lambda values: None if values is None else values[:at], arrays)
    last = keras.tree.map_structure(lambda values: None if values is None else values[at:], arrays)
    return first, last if sample_weight is not None else last[:2]
