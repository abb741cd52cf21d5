"""Shared types and argument validation of the `tf.data` transformations."""

from collections.abc import Callable
from typing import Any

from tensorsmith.core import check
from tensorsmith.core.types import Dataset

Transformation = Callable[[Dataset], Dataset]
"""Function from a `tf.data.Dataset` to another, for `dataset.apply`."""


def check_whole(name: str, value: Any, least: int = 1) -> None:
    """Checks that an argument is an integer and at least `least`."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    check(is_whole and value >= least, name, value, f"an integer >= {least}")


def check_seed(seed: int | None) -> None:
    """Checks that an argument is a valid random seed or `None`."""
    if seed is not None:
        check_whole("seed", seed, least=0)


def counted(dataset: Dataset, cardinality: int) -> Dataset:
    """Sets the cardinality of a dataset, if known. TensorFlow cannot infer the cardinality of all transformations."""
    import tensorflow as tf

    unknown = cardinality == tf.data.UNKNOWN_CARDINALITY
    return dataset if unknown else dataset.apply(tf.data.experimental.assert_cardinality(cardinality))
