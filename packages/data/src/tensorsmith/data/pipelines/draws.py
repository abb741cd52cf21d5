"""Random seeds for dataset elements, whose sequence continues exactly when an iterator is restored."""

from tensorsmith.core.types import Dataset


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
