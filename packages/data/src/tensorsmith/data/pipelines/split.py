"""Splitting of a dataset by a hash of keys, independently of the order and number of examples."""

import math
from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Any

from tensorsmith.core import Verbatim, check, did_you_mean, load_tensorflow
from tensorsmith.core.types import Dataset, NestedTensors, Tensor
from tensorsmith.data.pipelines.arguments import Transformation

BUCKETS = 1 << 53  # largest number of buckets that a double represents exactly


def hash_split(part: str, fractions: Mapping[str, float], key: Callable[..., Any], *, salt: str = "") -> Transformation:
    """Selects the examples of one split, which is determined by a hash of the key of each example.

    The hash value of an example is `FarmHash64(salt + key) mod 2^53` over `2^53`, a number in `[0, 1)`. This interval
    is divided among the parts according to `fractions`. A key belongs to the same part in each process and in each
    order and version of the data. Examples that belong together, such as those of one patient, stay together if they
    have the same key.

    Args:
        part: Name of the split to select.
        fractions: Mapping from the name of each split to its fraction of the examples. The fractions must sum to 1.
            Pass the same mapping, in the same order, for all splits of a dataset.
        key: Function that returns the key of an example, a scalar string or integer. It is called with the same
            arguments as a function passed to `dataset.map`. Integers are hashed as decimal strings.
        salt: Prefix of the key. A different salt produces a different split.

    Returns:
        A transformation for `dataset.apply`. The order is preserved; the cardinality is unknown.

    Raises:
        ValueError: If `part` is unknown, if fractions are negative or do not sum to 1, or if the key is not a scalar
            string or integer.

    Example:
        >>> import tensorflow as tf
        >>> fractions = {"train": 0.8, "test": 0.2}
        >>> numbers = tf.data.Dataset.range(10)
        >>> [[int(n) for n in numbers.apply(hash_split(part, fractions, lambda n: n))] for part in fractions]
        [[0, 2, 3, 5, 7, 8], [1, 4, 6, 9]]
    """
    for name, share in fractions.items():
        check(
            isinstance(share, int | float) and 0 <= share <= 1, f"fractions[{name!r}]", share, "a fraction from 0 to 1"
        )
    check(math.isclose(sum(fractions.values()), 1), "fractions", dict(fractions), "a dict of fractions that sum to 1")
    expected = f"one of {', '.join(fractions)}"
    check(part in fractions, "part", part, expected, did_you_mean(part, fractions))
    load_tensorflow()
    import tensorflow as tf

    number = list(fractions).index(part)
    edges = [0, *(round(end * BUCKETS) for end in accumulate(fractions.values()))]
    edges[-1] = BUCKETS  # the sum may differ from 1 by rounding

    def belongs(*element: NestedTensors) -> Tensor:
        value = key(*element)
        text = value if value.dtype == tf.string else tf.strings.as_string(value)
        bucket = tf.strings.to_hash_bucket_fast(salt + text, BUCKETS)
        return (edges[number] <= bucket) & (bucket < edges[number + 1])

    def transform(dataset: Dataset) -> Dataset:
        spec = dataset.map(key).element_spec
        is_scalar = isinstance(spec, tf.TensorSpec) and spec.shape.rank == 0
        sound = is_scalar and (spec.dtype == tf.string or spec.dtype.is_integer)
        check(sound, "key", Verbatim(spec), "a function that returns a scalar string or integer")
        return dataset.filter(belongs)

    return transform
