"""`tf.data` pipelines of indexed records, in order or with a full shuffle."""

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
    """Returns a dataset of batches of parsed examples.

    Records are located through an index. Shuffling therefore covers all records without a buffer, and the pipeline
    state stored in a checkpoint is a single number.

    Args:
        files: Paths of uncompressed TFRecord files, or an `Index` of these files.
        features: Mapping from feature names to `tf.io.FixedLenFeature`, `tf.io.VarLenFeature` or `tf.io.RaggedFeature`;
            or a `Schema`, such as the one that `convert` writes next to the files, whose tensor types are used.
        batch_size: Number of examples per batch.
        epochs: Number of passes over all records. If `epochs` is given, a checkpoint contains the exact position,
            including the shuffle order. If `Dataset.repeat` is used instead, TensorFlow may lose the shuffle order of
            the next epoch.
        shuffle: If `True`, records are shuffled in a different order for each epoch and each iteration over the
            dataset.
        seed: Random seed for shuffling. If `None`, a different seed is used for each iteration.
        drop_remainder: If `True`, the last batch is dropped if it has fewer than `batch_size` examples.

    Returns:
        A `tf.data.Dataset` of dictionaries, as returned by `tf.io.parse_example` or, with a schema, by `decode`. Its
        cardinality is known.

    Raises:
        ValueError: If `batch_size` or `epochs` is not positive, or if a feature specification is not supported.
        DamagedFileError: If the records of a file cannot be located.
        ImportError: If TensorFlow or tensorsmith-ops is not installed.
    """
    try:
        load_tensorflow()
        import tensorflow as tf

        import tensorsmith.ops as ops
    except ModuleNotFoundError as error:
        remedy = 'pip install "tensorsmith-tfrecord[tensorflow]"'
        raise ImportError(f"`examples` needs {error.name}, which is not installed. Run `{remedy}`.") from error

    check(isinstance(batch_size, int) and batch_size > 0, "batch_size", batch_size, "a positive integer")
    check(isinstance(epochs, int) and epochs > 0, "epochs", epochs, "a positive integer")
    stored = stored_features(features) if isinstance(features, Schema) else features
    index = files if isinstance(files, Index) else Index.of(files)
    count = len(index)
    batches = count // batch_size if drop_remainder else -(-count // batch_size)
    # One row per record, as gathering from one array is faster than from three.
    positions = tf.constant(np.stack([index.file, index.begins, index.sizes], axis=1))
    names = tf.constant(index.files)

    def read(number: Any, draw: Any = None) -> Any:
        epoch, first = number // batches, number % batches * batch_size
        rows = tf.range(first, first + batch_size if drop_remainder else tf.minimum(first + batch_size, count))
        if draw is not None:
            rows = tf.random.experimental.index_shuffle(rows, [draw, epoch], tf.constant(count - 1, tf.int64))
        if drop_remainder:
            rows = tf.ensure_shape(rows, [batch_size])
        file, begins, sizes = tf.unstack(tf.gather(positions, rows), axis=1)
        parsed = ops.read_examples(names, file, begins, sizes, stored)
        return decode(parsed, features) if isinstance(features, Schema) else parsed

    numbers = tf.data.Dataset.range(epochs * batches)
    if shuffle:
        # One seed per iteration; the epoch is folded into it in `read`.
        draws = tf.data.Dataset.random(seed, rerandomize_each_iteration=True).take(1)
        ordered = numbers
        numbers = draws.flat_map(lambda draw: ordered.map(lambda number: (number, draw)))
    # Set explicitly, as tf.data's autotuning needs several batches to reach this value.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    dataset = numbers.map(read, num_parallel_calls=cores).prefetch(cores)
    return dataset.apply(tf.data.experimental.assert_cardinality(epochs * batches))
