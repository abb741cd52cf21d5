"""Classes in other proportions than the data have."""

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
    """Leaves out examples at random until classes have the proportions asked for.

    With shares `p` in the data and `q` asked for, an example of class `c` is kept with probability
    `(q_c / p_c) / max(q / p)`: all of the class that is scarcest, so that as few as possible are left out. Others are
    left out each time the dataset is gone through.

    Args:
        label: The class of an example, a scalar whole number, called as `dataset.map` calls its function.
        counts: How many examples of each class there are, or shares of them.
        target: Shares of the classes asked for, as counts or fractions; equal ones by default.
        seed: Of the draws; `None` takes others in each process.

    Returns:
        What `dataset.apply` takes. The order stays; the number of examples differs from pass to pass.

    Raises:
        ValueError: Counts or shares that are negative, all 0, not one for each class, or a share of a class that has
            no examples.

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
    """Repeats examples until classes have the proportions asked for, and leaves out none.

    With shares `p` in the data and `q` asked for, an example of class `c` comes `r = (q_c / p_c) / min(q / p)` times
    on average: `floor(r)` times, and once more with probability `r - floor(r)`. Its copies follow each other: shuffle
    behind this.

    Args:
        label: The class of an example, a scalar whole number, called as `dataset.map` calls its function.
        counts: How many examples of each class there are, or shares of them.
        target: Shares of the classes asked for, as counts or fractions; equal ones by default. A class with share 0
            is left out after all.
        seed: Of the draws; `None` takes others in each process.

    Returns:
        What `dataset.apply` takes. The number of examples differs from pass to pass.

    Raises:
        ValueError: Counts or shares that are negative, all 0, not one for each class, or a share of a class that has
            no examples.

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
    """Shares asked for over shares in the data, up to a factor; 0 for classes that are not asked for."""
    have = np.asarray(counts, "float64")
    want = np.asarray((have > 0) if target is None else target, "float64")
    for name, given, values in (("counts", counts, have), ("target", target, want)):
        sound = values.ndim == 1 and np.isfinite(values).all() and (values >= 0).all() and (values > 0).any()
        check(bool(sound), name, given, "a number of at least 0 for each class, and one above 0")
    check(len(want) == len(have), "target", target, f"a share for each of {len(have)} classes, as `counts` has")
    missing = np.flatnonzero((want > 0) & (have == 0))
    check(not len(missing), "target", target, f"0 for the classes without examples, {missing.tolist()}")
    return np.divide(want, have, out=np.zeros_like(want), where=want > 0)


def _call(function: Callable[..., Any], element: NestedTensors) -> Any:
    return function(*element) if isinstance(element, tuple) else function(element)
