"""Several sources as one, each as often as its weight says."""

import math
from collections.abc import Sequence
from typing import Any, Literal, get_args

from tensorsmith.core import Verbatim, check, did_you_mean, load_tensorflow
from tensorsmith.core.types import Dataset
from tensorsmith.data.pipelines.arguments import check_seed, counted

Until = Literal["first", "last", "never"]


def interleave_weighted(
    datasets: Sequence[Any], weights: Sequence[float], *, until: Until = "first", seed: int | None
) -> Dataset:
    """Elements of several datasets, each drawn from one of them at random.

    Args:
        datasets: Of elements of one structure. Each keeps its order.
        weights: How often each is drawn from, in any unit.
        until: When it ends. "first": when an element is drawn from a dataset that has no more, so that the weights hold
            to the end. "last": when all have ended; one that has no more is not drawn from any longer, and no element
            is lost. "never": each begins again when it ends.
        seed: Of the draws, which differ each time the dataset is gone through; `None` takes others in each process.

    Returns:
        A `tf.data.Dataset`. The number of its elements is known, unless `until` is "first".

    Raises:
        ValueError: No dataset, weights that are not positive or not one for each, an unknown `until`, or with "never"
            a dataset that has no elements.

    Example:
        >>> import tensorflow as tf
        >>> small, large = tf.data.Dataset.range(3), tf.data.Dataset.range(100, 109)
        >>> mixed = interleave_weighted([small, large], [1, 3], until="last", seed=1)
        >>> int(mixed.cardinality()), [int(number) for number in mixed if number < 100]
        (12, [0, 1, 2])
    """
    datasets, weights = list(datasets), list(weights)
    check(len(datasets) > 0, "datasets", datasets, "at least one")
    sound = all(isinstance(weight, int | float) and 0 < weight < math.inf for weight in weights)
    check(sound and len(weights) == len(datasets), "weights", weights, f"{len(datasets)} positive numbers, one each")
    remedy = did_you_mean(str(until), get_args(Until))
    check(until in get_args(Until), "until", until, f"one of {', '.join(get_args(Until))}", remedy)
    check_seed(seed)
    load_tensorflow()
    import tensorflow as tf

    counts = [int(dataset.cardinality()) for dataset in datasets]
    if until == "never":
        for number, count in enumerate(counts):
            check(count != 0, f"datasets[{number}]", Verbatim("no elements"), "at least one element")
        datasets = [dataset.repeat() for dataset in datasets]
    total = sum(weights)
    mixed = tf.data.Dataset.sample_from_datasets(
        datasets,
        [weight / total for weight in weights],
        seed=seed,
        stop_on_empty_dataset=until == "first",
        rerandomize_each_iteration=True,
    )
    if until == "first":
        return mixed
    if until == "never" or tf.data.INFINITE_CARDINALITY in counts:
        return counted(mixed, tf.data.INFINITE_CARDINALITY)
    return counted(mixed, tf.data.UNKNOWN_CARDINALITY if tf.data.UNKNOWN_CARDINALITY in counts else sum(counts))
