"""Creation of data sources from arguments of `fit` and `evaluate`."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, argument_error, check
from tensorsmith.core.types import Dataset, NestedArrays
from tensorsmith.training.inputs.checked import first_batch, to_arrays, weigh_classes
from tensorsmith.training.inputs.sources import ArraySource, BatchSource
from tensorsmith.training.inputs.streams import StreamSource


def make_source(
    model: keras.Model | None,
    x: NestedArrays | Dataset,
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
        x: Input data: arrays, or a batched dataset that also contains targets and sample weights.
        y: Target data.
        sample_weight: Sample weights.
        class_weight: Mapping from class indices to weights.
        batch_size: Number of examples per batch for arrays.
        seed: Random seed for shuffling arrays. If `None`, arrays are not shuffled.
        steps_per_epoch: Number of steps per epoch. Defaults to one pass over the data.

    Raises:
        ValueError: If the data are invalid.
    """
    check(steps_per_epoch is None or steps_per_epoch >= 1, "steps_per_epoch", steps_per_epoch, ">= 1, or None")
    if not isinstance(x, tf.data.Dataset):
        check(batch_size >= 1, "batch_size", batch_size, ">= 1")
        arrays = to_arrays(model, x, y, sample_weight, class_weight)
        return ArraySource(arrays, batch_size, seed, steps_per_epoch)
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        check(
            value is None, name, value, "None when `x` is a dataset", f"include `{name}` in the elements of the dataset"
        )
    first = first_batch(model, x)
    if steps_per_epoch is None and x.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise argument_error("steps_per_epoch", None, "an integer for an infinite dataset")
    if not isinstance(x.element_spec, tuple):
        x = x.map(lambda features: (features,))
    return StreamSource(weigh_classes(x, class_weight) if class_weight is not None else x, first, steps_per_epoch)


def make_validation_source(
    model: keras.Model | None, data: tuple[Any, ...] | Dataset | None, batch_size: int
) -> BatchSource | None:
    """Returns a data source for validation data, or `None` if there are no validation data.

    Raises:
        ValueError: If `data` has another form, is infinite, or cannot be used for evaluation.
    """
    if data is None:
        return None
    if isinstance(data, tf.data.Dataset):
        ends = data.cardinality() != tf.data.INFINITE_CARDINALITY
        check(ends, "validation_data", Verbatim("an infinite dataset"), "finite", "call `dataset.take(steps)`")
        return make_source(model, data)
    check(
        isinstance(data, tuple) and len(data) in (2, 3),
        "validation_data",
        type(data).__name__,
        "(x, y), (x, y, sample_weight) or a tf.data.Dataset",
    )
    x, y, *weight = data
    return make_source(model, x, y, sample_weight=weight[0] if weight else None, batch_size=batch_size)
