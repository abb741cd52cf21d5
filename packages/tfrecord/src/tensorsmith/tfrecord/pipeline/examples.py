"""`tf.data` over the records of files, in order or shuffled as a whole, by their index."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tensorsmith.core import check, load_tensorflow
from tensorsmith.tfrecord.pipeline.decode import decode, stored_features
from tensorsmith.tfrecord.schema import Schema
from tensorsmith.tfrecord.shards.index import Index


def examples(
    files: Sequence[str | os.PathLike[str]] | Index,
    features: Mapping[str, Any] | Schema,
    batch_size: int,
    *,
    epochs: int = 1,
    shuffle: bool = False,
    seed: int | None = None,
    drop_remainder: bool = False,
) -> Any:
    """Batches of parsed examples.

    The records are found by an index, so that a shuffle is one of all records, without a buffer; and so that the state
    of the pipeline, which checkpoints keep, is a number.

    Args:
        files: TFRecord files without compression, or their index.
        features: Name to `tf.io.FixedLenFeature`, `tf.io.VarLenFeature` or `tf.io.RaggedFeature`; or the schema that
            `convert` wrote beside the files, for tensors as it describes them.
        batch_size: How many examples to a batch.
        epochs: How often the dataset goes through all records. Of one that does so several times a checkpoint keeps the
            position exactly, orders included; where `repeat` does so, TensorFlow may lose the order of the next epoch.
        shuffle: Whether each epoch, and each time the dataset is gone through, has all records in another order.
        seed: Of the orders; `None` takes another one each time.
        drop_remainder: Whether a last batch that is smaller is left out.

    Returns:
        A `tf.data.Dataset` of dictionaries, as `tf.io.parse_example` or `decode` makes them, whose number of batches is
        known.

    Raises:
        ValueError: `batch_size` or `epochs` is not positive, or `features` are of another kind.
        DamagedFileError: The records of a file cannot be found.
        ImportError: TensorFlow or tensorsmith-ops is not installed.
    """
    try:
        load_tensorflow()
        import tensorflow as tf

        import tensorsmith.ops as ops
    except ModuleNotFoundError as error:
        remedy = 'pip install "tensorsmith-tfrecord[tensorflow]"'
        raise ImportError(f"`examples` needs {error.name}, which is not installed. Remedy: {remedy}") from error

    check(isinstance(batch_size, int) and batch_size > 0, "batch_size", batch_size, "a positive integer")
    check(isinstance(epochs, int) and epochs > 0, "epochs", epochs, "a positive integer")
    stored = stored_features(features) if isinstance(features, Schema) else features
    index = files if isinstance(files, Index) else Index.of(files)
    count = len(index)
    batches = count // batch_size if drop_remainder else -(-count // batch_size)
    # In rows, since each look at another place in memory takes time.
    places = tf.constant(np.stack([index.file, index.begins, index.sizes], axis=1))
    names = tf.constant(index.files)

    def read(number: Any, draw: Any = None) -> Any:
        epoch, first = number // batches, number % batches * batch_size
        rows = tf.range(first, first + batch_size if drop_remainder else tf.minimum(first + batch_size, count))
        if draw is not None:
            rows = tf.random.experimental.index_shuffle(rows, [draw, epoch], tf.constant(count - 1, tf.int64))
        if drop_remainder:
            rows = tf.ensure_shape(rows, [batch_size])
        file, begins, sizes = tf.unstack(tf.gather(places, rows), axis=1)
        parsed = ops.read_examples(names, file, begins, sizes, stored)
        return decode(parsed, features) if isinstance(features, Schema) else parsed

    numbers = tf.data.Dataset.range(epochs * batches)
    if shuffle:
        draws = tf.data.Dataset.random(seed, rerandomize_each_iteration=True).take(1)
        ordered = numbers
        numbers = draws.flat_map(lambda draw: ordered.map(lambda number: (number, draw)))
    # What tf.data would find by trying, only from the first batch on.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    dataset = numbers.map(read, num_parallel_calls=cores).prefetch(cores)
    return dataset.apply(tf.data.experimental.assert_cardinality(epochs * batches))
