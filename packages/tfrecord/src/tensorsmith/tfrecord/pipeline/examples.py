"""`tf.data` pipelines of indexed records, in order or with a full shuffle."""

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tensorsmith.core import Verbatim, argument_error, check, load_tensorflow
from tensorsmith.tfrecord.pipeline.decode import (
    channels_remedy,
    check_resize,
    decode,
    stored_features,
    without_channels,
    without_missing,
)
from tensorsmith.tfrecord.schema import COMPLEX, Schema
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
    drop_missing: Sequence[str] = (),
    resize: tuple[int, int] | None = None,
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
        drop_missing: Names of features, such as the label, without which examples are dropped. Batches are then smaller
            by the number of dropped examples, and the cardinality is unknown. To get an error instead, pass
            `schema.require(names)`; to reject such rows in a conversion, pass `required` to `convert`.
        resize: Height and width to which images are resized, bilinearly and with antialiasing. It requires a schema.
            Without it, images of several sizes are not decoded, because a batch has a single shape. Images with
            another number of channels than the schema are converted: gray is repeated, and alpha is dropped.

    Returns:
        A `tf.data.Dataset` of dictionaries, as returned by `tf.io.parse_example` or, with a schema, by `decode`. Its
        cardinality is known unless examples are dropped.

    Raises:
        ValueError: If `batch_size` or `epochs` is not positive, if a feature specification is not supported, or if
            `drop_missing` contains names that are not in a schema, or if there are no images to resize.
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
    if drop_missing:
        _check_droppable(features, drop_missing, drop_remainder)
    if resize is not None:
        check_resize(resize, features)
    for name in without_channels(features.features) if isinstance(features, Schema) else ():
        remedy = channels_remedy(name)
        message = f"{name} has no fixed number of channels and is returned as encoded bytes. To decode it, {remedy}."
        warnings.warn(message, stacklevel=2)
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
        if not isinstance(features, Schema):
            return parsed
        return decode(*without_missing(parsed, features, drop_missing), resize)

    numbers = tf.data.Dataset.range(epochs * batches)
    if shuffle:
        # One seed per iteration; the epoch is folded into it in `read`.
        draws = tf.data.Dataset.random(seed, rerandomize_each_iteration=True).take(1)
        ordered = numbers
        numbers = draws.flat_map(lambda draw: ordered.map(lambda number: (number, draw)))
    # Set explicitly, as tf.data's autotuning needs several batches to reach this value.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    dataset = numbers.map(read, num_parallel_calls=cores).prefetch(cores)
    if drop_missing:
        return dataset.filter(lambda batch: tf.shape(batch[drop_missing[0]])[0] > 0)
    return dataset.apply(tf.data.experimental.assert_cardinality(epochs * batches))


def _check_droppable(features: Mapping[str, Any] | Schema, names: Sequence[str], drop_remainder: bool) -> None:
    """Raises an error if examples without certain features cannot be dropped."""
    if not isinstance(features, Schema):
        raise argument_error("features", Verbatim(type(features).__name__), "a Schema if `drop_missing` is passed")
    for name in features.require(names).features.keys() & set(names):  # raises an error for unknown names
        feature = features.features[name]
        plain = None not in feature.shape and not feature.encoding and feature.dtype not in COMPLEX
        check(plain, "drop_missing", name, "contain only names of strings and real numbers of fixed size")
    check(not drop_remainder, "drop_remainder", drop_remainder, "False if `drop_missing` is passed")
