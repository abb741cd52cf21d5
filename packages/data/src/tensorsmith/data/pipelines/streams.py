"""Batching of long sequences for stateful recurrent networks."""

import sys
from typing import Any

from tensorsmith.core import Verbatim, check, load_tensorflow
from tensorsmith.core.types import Dataset, Tensor
from tensorsmith.data.pipelines.arguments import Transformation, check_whole


def parallel_streams(count: int, length: int, *, shift: int | None = None) -> Transformation:
    """Cuts a sequence into parallel streams of consecutive windows, for stateful recurrent networks.

    The sequence is divided into `count` consecutive parts of equal length. Batch `i` contains window `i` of each part,
    so each row of a batch continues the same row of the previous batch. Reset the states of the network at the
    beginning of each epoch. Elements at the end of the sequence or of a part that do not fill a part or window are
    dropped.

    The sequence is read into memory once, when the transformation is applied, so the checkpoint of an iterator
    consists of a single number.

    Args:
        count: Number of parallel streams, which is also the batch size.
        length: Number of steps in each window.
        shift: Number of steps between the starts of consecutive windows. Defaults to `length`. For targets one step
            ahead, use windows that are one step longer than the network input, such as `length=101, shift=100` for
            inputs of 100 steps.

    Returns:
        A transformation for `dataset.apply`, from single steps to tensors of shape `(count, length, ...)` in the same
        nested structure. The cardinality of the result is known.

    Raises:
        ValueError: If an argument is not a positive integer, or if the dataset is infinite or too short for one window
            of each part.

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
        check(not endless, "dataset", Verbatim("an infinite dataset"), "finite", "remove `repeat` from the dataset")
        sequence = next(iter(dataset.batch(sys.maxsize)), None)
        steps = 0 if sequence is None else len(tf.nest.flatten(sequence)[0])
        each = steps // count
        remedy = "pass fewer parts or shorter windows"
        expected = f"have at least {count * length} steps (a window of {length} steps for each of {count} parts)"
        check(each >= length, "dataset", Verbatim(f"{steps} steps"), expected, remedy)
        parts = tf.nest.map_structure(lambda tensor: tf.stack(tf.split(tensor[: each * count], count)), sequence)

        def window(number: Tensor) -> Any:
            begin = number * shift
            cut = tf.nest.map_structure(lambda tensor: tensor[:, begin : begin + length], parts)
            shaped = [tf.ensure_shape(tensor, [count, length, *tensor.shape[2:]]) for tensor in tf.nest.flatten(cut)]
            return tf.nest.pack_sequence_as(cut, shaped)

        return tf.data.Dataset.range((each - length) // shift + 1).map(window, num_parallel_calls=tf.data.AUTOTUNE)

    return transform
