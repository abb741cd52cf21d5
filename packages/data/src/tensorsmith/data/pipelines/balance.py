"""Resampling of a dataset to a target class distribution."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorsmith.core import check, load_tensorflow
from tensorsmith.core.types import NestedTensors, Tensor
from tensorsmith.data.pipelines.arguments import Transformation, check_seed
from tensorsmith.data.pipelines.draws import with_draws


def undersample(
    label: Callable[..., Any], counts: Sequence[float], target: Sequence[float] | None = None, *, seed: int | None
) -> Transformation:
    """Drops random examples to reach a target class distribution.

    Given class probabilities `p` in the data and `q` in the target, an example of class `c` is kept with probability
    `(q_c / p_c) / max(q / p)`. All examples of the class with the largest `q / p` are kept, which minimizes the number
    of dropped examples. The draws differ in each iteration over the dataset.

    Args:
        label: Function that returns the class index of an example, a scalar integer. It is called with the same
            arguments as a function passed to `dataset.map`.
        counts: Sequence with the number or fraction of examples of each class in the dataset.
        target: Sequence that specifies the target class distribution, as counts or fractions. Defaults to equal
            fractions.
        seed: Random seed. If `None`, a different seed is used in each process.

    Returns:
        A transformation for `dataset.apply`. The order is preserved; the number of examples varies between iterations.

    Raises:
        ValueError: If `counts` or `target` has negative values, sums to 0, or does not have one value for each class;
            or if `target` is positive for a class without examples.

    Example:
        >>> import tensorflow as tf
        >>> labels = tf.data.Dataset.range(1000).map(lambda number: number % 10 // 9)  # 900 of class 0, 100 of 1
        >>> kept = labels.apply(undersample(lambda label: label, [900, 100], seed=1))
        >>> sum(1 for label in kept if label == 1)
        100
    """
    ratio = _ratio(counts, target)
    check_seed(seed)
    load_tensorflow()
    import tensorflow as tf

    kept = tf.constant(ratio / ratio.max(), tf.float32)

    def is_kept(element: NestedTensors, draw: Tensor) -> Any:
        return tf.random.stateless_uniform([], draw) < tf.gather(kept, _call(label, element))

    return lambda dataset: with_draws(dataset, seed).filter(is_kept).map(lambda element, _: element)


def oversample(
    label: Callable[..., Any], counts: Sequence[float], target: Sequence[float] | None = None, *, seed: int | None
) -> Transformation:
    """Repeats examples to reach a target class distribution, without dropping examples.

    Given class probabilities `p` in the data and `q` in the target, an example of class `c` is repeated
    `r = (q_c / p_c) / min(q / p)` times on average: `floor(r)` times, and once more with probability `r - floor(r)`.
    The copies are adjacent, so shuffle the dataset afterwards.

    Args:
        label: Function that returns the class index of an example, a scalar integer. It is called with the same
            arguments as a function passed to `dataset.map`.
        counts: Sequence with the number or fraction of examples of each class in the dataset.
        target: Sequence that specifies the target class distribution, as counts or fractions. Defaults to equal
            fractions. A class with fraction 0 is dropped.
        seed: Random seed. If `None`, a different seed is used in each process.

    Returns:
        A transformation for `dataset.apply`. The number of examples varies between iterations.

    Raises:
        ValueError: If `counts` or `target` has negative values, sums to 0, or does not have one value for each class;
            or if `target` is positive for a class without examples.

    Example:
        >>> import tensorflow as tf
        >>> labels = tf.data.Dataset.range(1000).map(lambda number: number % 10 // 9)  # 900 of class 0, 100 of 1
        >>> repeated = labels.apply(oversample(lambda label: label, [900, 100], seed=1))
        >>> sum(1 for label in repeated if label == 1)
        900
    """
    ratio = _ratio(counts, target)
    check_seed(seed)
    load_tensorflow()
    import tensorflow as tf

    copies = tf.constant(ratio / ratio[ratio > 0].min(), tf.float32)

    def repeated(element: NestedTensors, draw: Tensor) -> Any:
        wanted = tf.gather(copies, _call(label, element))
        more = tf.random.stateless_uniform([], draw) < wanted - tf.floor(wanted)
        return tf.data.Dataset.from_tensors(element).repeat(tf.cast(wanted, tf.int64) + tf.cast(more, tf.int64))

    return lambda dataset: with_draws(dataset, seed).flat_map(repeated)


def _ratio(counts: Sequence[float], target: Sequence[float] | None) -> np.ndarray:
    """Returns the unnormalized ratio of target to actual probability for each class, or 0 if the target is 0."""
    have = np.asarray(counts, "float64")
    want = np.asarray((have > 0) if target is None else target, "float64")
    for name, given, values in (("counts", counts, have), ("target", target, want)):
        sound = values.ndim == 1 and np.isfinite(values).all() and (values >= 0).all() and (values > 0).any()
        check(bool(sound), name, given, "a sequence of non-negative numbers, one for each class, with a positive sum")
    check(
        len(want) == len(have), "target", target, f"a sequence of {len(have)} fractions, one for each class in `counts`"
    )
    missing = np.flatnonzero((want > 0) & (have == 0))
    check(not len(missing), "target", target, f"0 for the classes {missing.tolist()} without examples")
    return np.divide(want, have, out=np.zeros_like(want), where=want > 0)


def _call(function: Callable[..., Any], element: NestedTensors) -> Any:
    return function(*element) if isinstance(element, tuple) else function(element)
