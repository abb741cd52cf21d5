"""Random seeds for dataset elements, whose sequence continues exactly when an iterator is restored."""

import inspect
from collections.abc import Callable
from typing import Any

from tensorsmith.core import check
from tensorsmith.core.types import Dataset, Tensor
from tensorsmith.data.pipelines.arguments import Transformation, check_seed

MAP = 0x6D6170
"""Number from which the seeds of mapped functions are derived."""


def with_draws(dataset: Dataset, seed: int | None) -> Dataset:
    """Pairs each element of a dataset with a seed for TensorFlow's stateless random functions.

    A stateful random function cannot be saved with an iterator. The state of these seeds is part of the iterator.

    Args:
        dataset: Dataset with elements of any structure.
        seed: Random seed from which the seeds of the elements are generated. The seeds of the elements differ in each
            iteration over the dataset. If `None`, a different random seed is used in each process.

    Returns:
        A dataset of pairs `(element, draw)` of the same length, where `draw` is an int64 seed of shape `(2,)`.

    Example:
        >>> import tensorflow as tf
        >>> pairs = with_draws(tf.data.Dataset.range(3), seed=1)
        >>> pairs.element_spec
        (TensorSpec(shape=(), dtype=tf.int64, name=None), TensorSpec(shape=(2,), dtype=tf.int64, name=None))
    """
    import tensorflow as tf

    numbers = tf.data.Dataset.random(seed, rerandomize_each_iteration=True)
    return tf.data.Dataset.zip(dataset, numbers.batch(2, drop_remainder=True))


def map_with_seed(function: Callable[..., Any], *, seed: int | None) -> Transformation:
    """Maps a function of a random seed and an element over a dataset, for example an augmentation.

    Each element gets a seed of its own. The state of the seeds is part of the iterator, so that an iterator that is
    restored from a checkpoint continues with the same random numbers, which stateful random functions do not.

    Args:
        function: Function that is called with a seed and an element. As in `dataset.map`, an element that is a tuple is
            passed as several arguments. The seed is an int64 tensor of shape `(2,)` for TensorFlow's stateless random
            functions.
        seed: Random seed from which the seeds of the elements are generated. They differ in each iteration over the
            dataset. If `None`, a different random seed is used in each process. Two such transformations of a dataset
            need different seeds, as otherwise their random numbers are equal.

    Returns:
        A transformation for `dataset.apply`.

    Raises:
        ValueError: If `function` cannot be called, or `seed` is invalid.

    Example:
        >>> import tensorflow as tf
        >>> def jitter(seed, x):
        ...     return x + tf.random.stateless_uniform([], seed, -0.1, 0.1)
        >>> values = tf.data.Dataset.from_tensor_slices([1.0, 1.0]).apply(map_with_seed(jitter, seed=1))
        >>> len({float(value) for value in values})
        2
    """
    check(callable(function), "function", function, "a function of a seed and an element")
    check_seed(seed)

    def transform(dataset: Dataset) -> Dataset:
        import tensorflow as tf

        return with_draws(dataset, seed).map(with_seed_first(function), num_parallel_calls=tf.data.AUTOTUNE)

    return transform


def with_seed_first(function: Callable[..., Any]) -> Callable[[Any, Tensor], Any]:
    """Returns a function of an element and its seed, as paired by `with_draws`, that calls a function of both."""

    def call(element: Any, draw: Tensor) -> Any:
        import tensorflow as tf

        # Other seeds than those that a shuffle, `mixup` or `cutmix` with the same seed derives.
        draw = tf.random.experimental.stateless_fold_in(draw, MAP)
        return function(draw, *element) if isinstance(element, tuple) else function(draw, element)

    return call


def takes_seed(function: Callable[..., Any]) -> bool:
    """Returns `True` if a function has several parameters, the first of which is named `seed`."""
    try:
        parameters = list(inspect.signature(function).parameters)
    except ValueError:  # some functions in C have no signature
        return False
    return len(parameters) > 1 and parameters[0] == "seed"
