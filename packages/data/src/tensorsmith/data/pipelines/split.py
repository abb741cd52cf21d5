"""Parts of a dataset that stay the same, whatever order its examples come in and however many are added."""

import math
from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Any

from tensorsmith.core import Verbatim, check, did_you_mean, load_tensorflow
from tensorsmith.core.types import Dataset, NestedTensors, Tensor
from tensorsmith.data.pipelines.arguments import Transformation

BUCKETS = 1 << 53  # so many that a double tells all of them apart


def hash_split(part: str, fractions: Mapping[str, float], key: Callable[..., Any], *, salt: str = "") -> Transformation:
    """The examples of one part, told by a hash of their key.

    An example is in the part in whose share of `[0, 1)` the hash of its key lies, `FarmHash64(salt + key) mod 2^53`
    over `2^53`. The same key is in the same part in each process, order and version of the data. Examples that belong
    together, such as those of one patient, stay together where they have one key.

    Args:
        part: Which part.
        fractions: Name of each part to its share, which sum to 1, in one order for all parts.
        key: A scalar string or whole number of an example, called as `dataset.map` calls its function. Whole numbers
            are hashed as decimal text.
        salt: Put before the key; another one makes another split.

    Returns:
        What `dataset.apply` takes. The order stays; the number of examples is not known.

    Raises:
        ValueError: An unknown part, fractions that are negative or do not sum to 1, or a key of another kind.

    Example:
        >>> import tensorflow as tf
        >>> fractions = {"train": 0.8, "test": 0.2}
        >>> numbers = tf.data.Dataset.range(10)
        >>> [[int(n) for n in numbers.apply(hash_split(part, fractions, lambda n: n))] for part in fractions]
        [[0, 2, 3, 5, 7, 8], [1, 4, 6, 9]]
    """
    for name, share in fractions.items():
        check(isinstance(share, int | float) and 0 <= share <= 1, f"fractions[{name!r}]", share, "a share from 0 to 1")
    check(math.isclose(sum(fractions.values()), 1), "fractions", dict(fractions), "shares that sum to 1")
    expected = f"one of {', '.join(fractions)}"
    check(part in fractions, "part", part, expected, did_you_mean(part, fractions))
    load_tensorflow()
    import tensorflow as tf

    number = list(fractions).index(part)
    edges = [0, *(round(end * BUCKETS) for end in accumulate(fractions.values()))]
    edges[-1] = BUCKETS  # which the sum may miss by rounding

    def belongs(*element: NestedTensors) -> Tensor:
        value = key(*element)
        text = value if value.dtype == tf.string else tf.strings.as_string(value)
        bucket = tf.strings.to_hash_bucket_fast(salt + text, BUCKETS)
        return (edges[number] <= bucket) & (bucket < edges[number + 1])

    def transform(dataset: Dataset) -> Dataset:
        spec = dataset.map(key).element_spec
        is_scalar = isinstance(spec, tf.TensorSpec) and spec.shape.rank == 0
        sound = is_scalar and (spec.dtype == tf.string or spec.dtype.is_integer)
        check(sound, "key", Verbatim(spec), "a function that gives a scalar string or whole number")
        return dataset.filter(belongs)

    return transform
