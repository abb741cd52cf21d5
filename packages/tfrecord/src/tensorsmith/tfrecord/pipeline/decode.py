"""Decoding of stored examples to the tensors that a schema describes."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tensorsmith.core import Verbatim, check
from tensorsmith.tfrecord._support.image_size import check_size
from tensorsmith.tfrecord.schema import IMAGES, INDICES, NAN, SHAPE, STRINGS, VALUE, VALUES, Feature, Schema

SIGNED = {"uint32": "int32", "uint64": "int64"}  # dtypes that `tf.io.decode_raw` supports for these


def stored_features(schema: Schema) -> dict[str, Any]:
    """Returns the parsing specification of a schema for `tf.io.parse_example`.

    Args:
        schema: Schema of the examples, which must not contain sequence features.

    Returns:
        Name of each stored feature mapped to a `tf.io.FixedLenFeature` or `tf.io.RaggedFeature`.

    Raises:
        ValueError: If a feature is a sequence.

    Example:
        >>> stored_features(Schema({"x": Feature("float32", (3,))}))
        {'x': FixedLenFeature(shape=(3,), dtype=tf.float32, default_value=None)}
    """
    import tensorflow as tf

    kinds = {"bytes": tf.string, "float": tf.float32, "int64": tf.int64}
    stored: dict[str, Any] = {}
    for name, feature in schema.features.items():
        check(
            not feature.sequence,
            name,
            Verbatim("a sequence"),
            "a feature of tf.train.Example",
            "read sequences with `tf.io.parse_sequence_example`",
        )
        shape = () if _is_one_text(feature) else feature.shape
        dtype = kinds[feature.kind]
        if feature.optional or None in shape:
            value: Any = tf.io.RaggedFeature(dtype, row_splits_dtype=tf.int64)
        else:
            value = tf.io.FixedLenFeature(shape, dtype)
        if feature.is_shaped:
            stored |= {name + SHAPE: tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64), name + VALUE: value}
        else:
            stored[name] = value
    return stored


def without_missing(parsed: dict[str, Any], schema: Schema, names: Sequence[str]) -> tuple[dict[str, Any], Schema]:
    """Drops the examples of a parsed batch that lack a feature.

    Args:
        parsed: Dict that maps feature names to tensors, as parsed according to `stored_features`.
        schema: Schema of the examples.
        names: Names of the features without which examples are dropped. They must be able to have a default.

    Returns:
        The remaining examples, and a schema in which these features have a default, so that their tensors are dense.
    """
    import tensorflow as tf

    optional = {name: schema.features[name] for name in names if schema.features[name].optional}
    filled = {
        name: dataclasses.replace(feature, default="" if feature.dtype in STRINGS else 0)
        for name, feature in optional.items()
    }
    features = {**schema.features, **filled}
    lengths = [parsed[name].row_lengths() for name in optional]
    if lengths:
        kept = tf.reduce_all(tf.stack(lengths) > 0, axis=0)
        parsed = {name: tf.ragged.boolean_mask(tensor, kept) for name, tensor in parsed.items()}
    return parsed, dataclasses.replace(schema, features=features)


def check_resize(resize: tuple[int, int], features: Any) -> None:
    """Checks that images can be resized to a height and width.

    Raises:
        ValueError: If the sizes are invalid, or if the features are not a schema with images of the same channels.
    """
    check_size(resize)
    images = features.features if isinstance(features, Schema) else {}
    expected = "a schema with an image feature that is not optional and has a fixed number of channels"
    remedy = next(map(channels_remedy, without_channels(images)), "omit `resize`")
    check(any(map(_is_resizable, images.values())), "features", Verbatim("no such feature"), expected, remedy)


def without_channels(features: Mapping[str, Feature]) -> list[str]:
    """Returns the names of required image features without a fixed number of channels, which cannot be decoded."""
    return [
        name
        for name, feature in features.items()
        if feature.encoding in IMAGES and not feature.optional and feature.shape[2] is None
    ]


def channels_remedy(name: str) -> str:
    """Returns what to write in the schema so that images without a fixed number of channels are decoded."""
    return (
        f"write 3 (or 1 or 4) as the last size of {name} in schema.yaml, such as `shape: [null, null, 3]`, and decode "
        "images of several sizes with `resize=(height, width)`"
    )


def decode(parsed: dict[str, Any], schema: Schema, resize: tuple[int, int] | None = None) -> dict[str, Any]:
    """Decodes a parsed batch to the tensors that the schema describes.

    Numbers are cast to their dtype. Images and raw bytes of fixed shape are decoded to tensors of shape
    `(batch, *shape)`. Optional features with a default become dense tensors of this shape, of the `tensor_dtype` of the
    feature. Optional features without a default, and features that have one variable dimension, become a
    `tf.RaggedTensor`, whose rows are flat if they have further dimensions. Other files, and raw bytes with variable
    dimensions, remain bytes. Sparse values become a `tf.SparseTensor` of shape `(batch, size)`.

    Args:
        parsed: Dict that maps feature names to tensors, as parsed according to `stored_features`.
        schema: Schema of the examples.
        resize: Height and width to which images are resized, or `None`.

    Returns:
        The decoded tensors by feature name.

    Raises:
        tf.errors.InvalidArgumentError: If bytes are not a valid image, or do not have the size that the schema gives.
    """
    decoded = {}
    for name, tensor in parsed.items():
        feature = schema.features.get(name)
        if feature is None:
            decoded[name] = tensor
        elif feature.default is not None:
            decoded[name] = _with_default(name, tensor, feature)
        else:
            decoded[name] = _decoded(tensor, feature, resize)
    for name, size in schema.sparse.items():
        decoded[name] = _sparse(name, size, decoded.pop(name + INDICES), decoded.pop(name + VALUES))
    return decoded


def _sparse(name: str, size: int, indices: Any, values: Any) -> Any:
    """Returns a sparse tensor of shape `(batch, size)`, given the indices and values of each row."""
    import tensorflow as tf

    positions = tf.cast(indices.values, tf.int64)
    rows = tf.cast(indices.value_rowids(), tf.int64)
    inside = tf.reduce_all((positions >= 0) & (positions < size))
    # Within a row, indices must increase; at the start of a row they may decrease.
    increase = tf.reduce_all((rows[1:] > rows[:-1]) | (positions[1:] > positions[:-1]))
    as_many = tf.reduce_all(indices.row_splits == values.row_splits)
    tf.debugging.Assert(as_many, [f"{name} must have as many indices as values"])
    tf.debugging.Assert(inside & increase, [f"{name} must have increasing indices below its size, {size}"])
    shape = tf.stack([tf.cast(indices.nrows(), tf.int64), size])
    return tf.SparseTensor(tf.stack([rows, positions], axis=1), values.values, shape)


def _with_default(name: str, stored: Any, feature: Feature) -> Any:
    """Returns a dense tensor of an optional feature, in which rows without a value have the default."""
    import tensorflow as tf

    lengths = stored.row_lengths()
    missing = lengths == 0
    size = 1 if feature.is_raw else math.prod(size or 0 for size in feature.shape)
    tf.debugging.Assert(tf.reduce_all(missing | (lengths == size)), [f"{name} must have {size} values, or none"])
    # Missing values are zeros until the stored bytes are decoded.
    filler: Any = b"" if feature.kind == "bytes" else 0
    if feature.is_raw:
        filler = np.zeros([size or 0 for size in feature.shape], feature.dtype).tobytes()
    dense = stored.to_tensor(tf.constant(filler, stored.dtype), shape=(None, size))
    dense = tf.reshape(dense, (-1, *(() if feature.is_raw else feature.shape)))
    values = _decoded(dense, dataclasses.replace(feature, optional=False, default=None), None)
    if feature.dtype in STRINGS:
        default = tf.constant(feature.default, tf.string)
    else:
        values = tf.cast(values, feature.tensor_dtype)
        number = float("nan") if feature.default == NAN else feature.default
        default = tf.constant(np.asarray(number, values.dtype.as_numpy_dtype))
    missing = tf.reshape(missing, (-1, *(1 for _ in feature.shape)))
    return tf.where(missing, default, values)


def _is_resizable(feature: Feature) -> bool:
    return feature.encoding in IMAGES and not feature.optional and feature.shape[2] is not None


def _decoded(tensor: Any, feature: Feature, resize: tuple[int, int] | None) -> Any:
    import tensorflow as tf

    fixed = None not in feature.shape and not feature.optional
    resize = resize if _is_resizable(feature) else None
    if feature.encoding in IMAGES and (fixed or resize):
        channels = feature.shape[2]

        def image(file: Any) -> Any:
            pixels = tf.io.decode_image(file, channels, feature.dtype, expand_animations=False)
            pixels = tf.ensure_shape(pixels, feature.shape)
            if resize is None:
                return pixels
            resized = tf.image.resize(pixels, resize, antialias=True)
            return tf.saturate_cast(tf.round(resized), feature.dtype)

        signature = tf.TensorSpec((*(resize or feature.shape[:2]), channels), feature.dtype)
        return tf.map_fn(image, tensor, fn_output_signature=signature, parallel_iterations=10)
    if feature.is_raw and fixed:
        numbers = tf.io.decode_raw(tf.reshape(tensor, [-1]), tf.as_dtype(SIGNED.get(feature.dtype, feature.dtype)))
        numbers = tf.bitcast(numbers, feature.dtype) if feature.dtype in SIGNED else numbers
        return tf.reshape(numbers, (-1, *feature.shape))
    if feature.kind == "bytes" or feature.dtype in STRINGS:
        return tensor
    return tf.cast(tensor, feature.dtype)


def _is_one_text(feature: Feature) -> bool:
    """Returns `True` if each example stores the feature as a single bytes value, regardless of its shape."""
    return feature.is_raw or bool(feature.encoding)
