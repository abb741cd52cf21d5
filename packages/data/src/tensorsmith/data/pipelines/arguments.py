"""What the transformations have in common: how they are applied, and what is checked."""

from collections.abc import Callable
from typing import Any

from tensorsmith.core import check
from tensorsmith.core.types import Dataset

Transformation = Callable[[Dataset], Dataset]
"""From a `tf.data.Dataset` to another, for `dataset.apply`."""


def check_whole(name: str, value: Any, least: int = 1) -> None:
    """Refuses what is no whole number, or one below `least`."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    check(is_whole and value >= least, name, value, f"a whole number of at least {least}")


def check_seed(seed: int | None) -> None:
    """Refuses what is no seed of random draws."""
    if seed is not None:
        check_whole("seed", seed, least=0)


def counted(dataset: Dataset, cardinality: int) -> Dataset:
    """The dataset with a cardinality that TensorFlow cannot tell by itself; it may be unknown or infinite."""
    import tensorflow as tf

    unknown = cardinality == tf.data.UNKNOWN_CARDINALITY
    return dataset if unknown else dataset.apply(tf.data.experimental.assert_cardinality(cardinality))
