"""Long sequences for recurrent networks that keep their state from one batch to the next."""

import sys
from typing import Any

from tensorsmith.core import Verbatim, check, load_tensorflow
from tensorsmith.core.types import Dataset, Tensor
from tensorsmith.data.pipelines.arguments import Transformation, check_whole


def parallel_streams(count: int, length: int, *, shift: int | None = None) -> Transformation:
    """Batches of windows in which each row goes on where the same row of the batch before ended.

    The sequence is cut into `count` parts of one length, one after the other. Batch `i` has window `i` of each part, so
    that a stateful recurrent network reads all parts side by side. Its states are to be reset at the beginning of each
    epoch. What is left at the end of the sequence, or of a part, and fills no part or window, is left out.

    The sequence is read into memory when this is applied, once, so that a checkpoint of an iterator is only a number.

    Args:
        count: Parts, which is the size of the batches.
        length: Steps in a window.
        shift: From the beginning of a window to that of the next, `length` by default. With targets that are one step
            ahead, windows have one step more than the network sees: `length=101, shift=100`.

    Returns:
        What `dataset.apply` takes: from single steps to tensors `(count, length, ...)` in the structure that the steps
        have, whose number is known.

    Raises:
        ValueError: An argument is no positive whole number, or the dataset is endless or too short for one window of
            each part.

    Example:
        >>> import tensorflow as tf
        >>> for batch in tf.data.Dataset.range(12).apply(parallel_streams(2, 3)).as_numpy_iterator():
        ...     print(batch.tolist())
        [[0, 1, 2], [6, 7, 8]]
        [[3, 4, 5], [9, 10, 11]]
    """
    shift = length if shift is None else shift
    for name, value in (("count", count), ("length", length), ("shift", shift)):
        check_whole(name, value)
    load_tensorflow()
    import tensorflow as tf

    def transform(dataset: Dataset) -> Dataset:
        endless = dataset.cardinality() == tf.data.INFINITE_CARDINALITY
        check(not endless, "dataset", Verbatim("an endless one"), "one that ends", "leave out its `repeat`")
        sequence = next(iter(dataset.batch(sys.maxsize)), None)
        steps = 0 if sequence is None else len(tf.nest.flatten(sequence)[0])
        each = steps // count
        remedy = "give fewer parts or shorter windows"
        expected = f"at least {count * length}, a window of {length} for each of {count} parts"
        check(each >= length, "dataset", Verbatim(f"{steps} steps"), expected, remedy)
        parts = tf.nest.map_structure(lambda tensor: tf.stack(tf.split(tensor[: each * count], count)), sequence)

        def window(number: Tensor) -> Any:
            begin = number * shift
            cut = tf.nest.map_structure(lambda tensor: tensor[:, begin : begin + length], parts)
            shaped = [tf.ensure_shape(tensor, [count, length, *tensor.shape[2:]]) for tensor in tf.nest.flatten(cut)]
            return tf.nest.pack_sequence_as(cut, shaped)

        return tf.data.Dataset.range((each - length) // shift + 1).map(window, num_parallel_calls=tf.data.AUTOTUNE)

    return transform
