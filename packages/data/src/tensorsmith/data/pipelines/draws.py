"""Random numbers beside the elements of a dataset, whose position a checkpoint can keep."""

from tensorsmith.core.types import Dataset


def with_draws(dataset: Dataset, seed: int | None) -> Dataset:
    """Pairs of the dataset's elements and seeds for TensorFlow's stateless random functions.

    A random function that keeps a state of its own cannot be saved with an iterator. The state of these draws is part
    of the iterator.

    Args:
        dataset: Of any elements.
        seed: Of the draws, which differ each time the dataset is gone through; `None` takes others in each process.

    Returns:
        A dataset of `(element, draw)`, draw int64 `(2,)`, as many as there are elements.

    Example:
        >>> import tensorflow as tf
        >>> pairs = with_draws(tf.data.Dataset.range(3), seed=1)
        >>> pairs.element_spec
        (TensorSpec(shape=(), dtype=tf.int64, name=None), TensorSpec(shape=(2,), dtype=tf.int64, name=None))
    """
    import tensorflow as tf

    numbers = tf.data.Dataset.random(seed, rerandomize_each_iteration=True)
    return tf.data.Dataset.zip(dataset, numbers.batch(2, drop_remainder=True))
