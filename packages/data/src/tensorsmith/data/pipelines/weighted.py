"""Random interleaving of several datasets with sampling weights."""

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
    """Interleaves several datasets by sampling each element from one of them.

    Args:
        datasets: Datasets with elements of the same structure. The order of each dataset is preserved.
        weights: Relative sampling weight of each dataset.
        until: Stopping condition. "first" stops when an element is drawn from an exhausted dataset, so that the weights
            apply until the end. "last" stops when all datasets are exhausted, after each element has been drawn.
            "never" restarts each dataset when it is exhausted. Shuffle such datasets with
            `reshuffle_each_iteration=False`: otherwise, their order depends on how far earlier iterators have read
            ahead, and a run cannot be repeated.
        seed: Random seed. The order differs in each iteration over the dataset. If `None`, a different
            seed is used in each process.

    Returns:
        A `tf.data.Dataset`. Its cardinality is known, unless `until` is "first".

    Raises:
        ValueError: If `datasets` is empty, if `weights` does not have a positive number for each dataset, if `until`
            is unknown, or if it is "never" and a dataset is empty.

    Example:
        >>> import tensorflow as tf
        >>> small, large = tf.data.Dataset.range(3), tf.data.Dataset.range(100, 109)
        >>> mixed = interleave_weighted([small, large], [1, 3], until="last", seed=1)
        >>> int(mixed.cardinality()), [int(number) for number in mixed if number < 100]
        (12, [0, 1, 2])
    """
    datasets, weights = list(datasets), list(weights)
    check(len(datasets) > 0, "datasets", datasets, "a non-empty list")
    sound = all(isinstance(weight, int | float) and 0 < weight < math.inf for weight in weights)
    check(
        sound and len(weights) == len(datasets),
        "weights",
        weights,
        f"a list of {len(datasets)} positive numbers, one for each dataset",
    )
    remedy = did_you_mean(str(until), get_args(Until))
    check(until in get_args(Until), "until", until, f"one of {', '.join(get_args(Until))}", remedy)
    check_seed(seed)
    load_tensorflow()
    import tensorflow as tf

    counts = [int(dataset.cardinality()) for dataset in datasets]
    if until == "never":
        for number, count in enumerate(counts):
            check(count != 0, f"datasets[{number}]", Verbatim("no elements"), "non-empty")
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
