"""Ops that parse `tf.train.Example` protos, given as strings or in TFRecord files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.library import library
from tensorsmith.records import scan
from tensorsmith.records.record import FOOTER, HEADER

Features = Mapping[str, Any]
TYPES = (tf.float32, tf.int64, tf.string)


def parse_examples(serialized: TensorLike, features: Features) -> dict[str, Any]:
    """Parses a batch of serialized `tf.train.Example` protos, as `tf.io.parse_example` does.

    In addition to TensorFlow's checks, all bytes of a requested feature are validated, and each error message contains
    the name of the feature.

    Args:
        serialized: String tensor of shape `(batch,)` that contains serialized `tf.train.Example` protos.
        features: Dict that maps feature names to `tf.io.FixedLenFeature`, `tf.io.VarLenFeature`, or
            `tf.io.RaggedFeature` without partitions, of dtype float32, int64 or string.

    Returns:
        A dict of feature names to a tensor of shape `(batch, *shape)`, a `tf.SparseTensor` or a `tf.RaggedTensor`.

    Raises:
        ValueError: If `features` contains an unsupported feature.
        tf.errors.InvalidArgumentError: If a string is not an example, lacks a feature without a default value, or
            contains a feature of a different kind or size.

    Example:
        >>> feature = tf.train.Feature(float_list=tf.train.FloatList(value=[1.0, 2.0]))
        >>> example = tf.train.Example(features=tf.train.Features(feature={"x": feature}))
        >>> parsed = parse_examples([example.SerializeToString()], {"x": tf.io.FixedLenFeature([2], tf.float32)})
        >>> parsed["x"].numpy()
        array([[1., 2.]], dtype=float32)
    """
    _check(features)
    serialized = tf.convert_to_tensor(serialized, tf.string)
    check(
        serialized.shape.rank in (1, None), "serialized", Verbatim(f"shape {serialized.shape}"), "have shape (batch,)"
    )
    if not compiled():
        return dict(tf.io.parse_example(serialized, dict(features)))
    outputs = library().ops.tensorsmith_parse_examples(serialized=serialized, **_request(features))
    return _tensors(features, serialized.shape[0], outputs)


def read_examples(
    files: TensorLike, file: TensorLike, begins: TensorLike, sizes: TensorLike, features: Features
) -> dict[str, Any]:
    """Reads, verifies and parses a batch of `tf.train.Example` protos at the given byte offsets of TFRecord files.

    Checksums are verified. Adjacent records are read in a single operation.

    Args:
        files: One-dimensional string tensor with the paths of uncompressed TFRecord files.
        file: int64 tensor of shape `(batch,)` with the index in `files` of the file that contains each record.
        begins: int64 tensor of shape `(batch,)` with the byte offset of the data of each record in its file. The data
            begins after the length and the checksum of the length.
        sizes: int64 tensor of shape `(batch,)` with the data size of each record in bytes.
        features: Dict of features to parse, as in `parse_examples`.

    Returns:
        Same as for `parse_examples`.

    Raises:
        ValueError: Same as for `parse_examples`.
        tf.errors.InvalidArgumentError: Same as for `parse_examples`. The message contains the file and the offset of
            the record.
        tf.errors.NotFoundError: If a file does not exist.
        tf.errors.DataLossError: If a record is damaged, or if there is no record at the given offset.
    """
    _check(features)
    files = tf.convert_to_tensor(files, tf.string)
    file, begins, sizes = (tf.cast(positions, tf.int64) for positions in (file, begins, sizes))
    if not compiled():
        serialized = tf.numpy_function(_read, (files, file, begins, sizes), tf.string)
        serialized = tf.ensure_shape(serialized, file.shape)
        return dict(tf.io.parse_example(serialized, dict(features)))
    positions = {"files": files, "file": file, "begins": begins, "sizes": sizes}
    outputs = library().ops.tensorsmith_read_examples(**positions, **_request(features))
    return _tensors(features, file.shape[0], outputs)


def _read(files: np.ndarray, file: np.ndarray, begins: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Reference implementation in Python that reads serialized records from TFRecord files."""
    records = []
    for number, begin, size in zip(file, begins, sizes, strict=True):
        with Path(files[number].decode()).open("rb") as opened:
            opened.seek(begin - HEADER)
            found = scan(np.frombuffer(opened.read(HEADER + size + FOOTER), "uint8"), most=1)
        if list(found.records.sizes) != [size]:
            problem = found.damage or "there is no such record"
            raise OSError(f"{files[number].decode()}, record at byte {begin - HEADER}: {problem}")
        records.append(found.records[0])
    return np.array(records, object)


def _check(features: Features) -> None:
    check(len(features) > 0, "features", features, "a non-empty dict of features")
    known = (tf.io.FixedLenFeature, tf.io.VarLenFeature, tf.io.RaggedFeature)
    for name, feature in features.items():
        fits = isinstance(feature, known) and tf.as_dtype(feature.dtype) in TYPES
        fits = fits and not getattr(feature, "partitions", ())
        fits = fits and getattr(feature, "value_key", None) in (None, name)
        expected = (
            "a FixedLenFeature, VarLenFeature or RaggedFeature without partitions of dtype float32, int64 or string"
        )
        check(fits, f"features[{name!r}]", feature, expected)


def _is_dense(feature: Any) -> bool:
    return isinstance(feature, tf.io.FixedLenFeature)


def _request(features: Features) -> dict[str, Any]:
    """Returns the keyword arguments of the parsing op that describe the requested features."""
    dense = [_is_dense(feature) for feature in features.values()]
    counts = [int(np.prod(f.shape)) if fixed else -1 for f, fixed in zip(features.values(), dense, strict=True)]
    optional = [not fixed or f.default_value is not None for f, fixed in zip(features.values(), dense, strict=True)]
    types = [tf.as_dtype(feature.dtype) for feature in features.values()]
    return {
        "names": tf.constant(list(features)),
        "counts": tf.constant(counts, tf.int64),
        "optional": tf.constant(optional),
        "types": types,
        "features": len(features),
    }


def _tensors(features: Features, batch: int | None, outputs: Any) -> dict[str, Any]:
    """Converts the outputs of the parsing op to dense, sparse or ragged tensors."""
    tensors = {}
    for number, (name, feature) in enumerate(features.items()):
        values, splits = outputs.values[number], outputs.splits[number]
        if _is_dense(feature):
            shape = [batch, *tf.TensorShape(feature.shape)]
            values = tf.reshape(values, [-1 if batch is None else batch, *shape[1:]])
            values.set_shape(shape)
            if feature.default_value is not None:
                default = tf.broadcast_to(tf.cast(feature.default_value, values.dtype), shape[1:])
                present = tf.reshape(outputs.present[number], [-1] + [1] * len(shape[1:]))
                values = tf.where(present, values, default)
            tensors[name] = values
            continue
        is_ragged = isinstance(feature, tf.io.RaggedFeature)
        splits = tf.cast(splits, feature.row_splits_dtype if is_ragged else tf.int64)
        values.set_shape([None])
        splits.set_shape([None if batch is None else batch + 1])
        ragged = tf.RaggedTensor.from_row_splits(values, splits, validate=False)
        tensors[name] = ragged if is_ragged else ragged.to_sparse()
    return tensors
