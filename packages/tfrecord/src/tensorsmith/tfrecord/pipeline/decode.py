"""What a schema describes, from examples as they are stored to the tensors that are meant."""

from typing import Any

from tensorsmith.core import check
from tensorsmith.tfrecord.schema import IMAGES, INDICES, SHAPE, STRINGS, VALUE, VALUES, Feature, Schema

SIGNED = {"uint32": "int32", "uint64": "int64"}  # what TensorFlow decodes bytes to in their place


def stored_features(schema: Schema) -> dict[str, Any]:
    """How `tf.io.parse_example` and `examples` have to be asked for what a schema describes.

    Args:
        schema: Of examples; without sequences.

    Raises:
        ValueError: A feature is a sequence.

    Example:
        >>> stored_features(Schema({"x": Feature("float32", (3,))}))
        {'x': FixedLenFeature(shape=(3,), dtype=tf.float32, default_value=None)}
    """
    import tensorflow as tf

    kinds = {"bytes": tf.string, "float": tf.float32, "int64": tf.int64}
    stored: dict[str, Any] = {}
    for name, feature in schema.features.items():
        check(not feature.sequence, name, "a sequence", "a feature of tf.train.Example", "read it with TensorFlow")
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


def decode(parsed: dict[str, Any], schema: Schema) -> dict[str, Any]:
    """A batch as parsed with `stored_features`, as its schema describes it.

    Numbers have their types; images and raw bytes of one size are decoded, `(batch, *shape)`. What varies in one
    size or is optional is a `tf.RaggedTensor`, flat where rows have inner sizes; files, and raw bytes of which sizes
    vary, stay bytes. What is sparse is a `tf.SparseTensor` `(batch, size)`.

    Args:
        parsed: Name to tensors.
        schema: Of the examples.

    Raises:
        tf.errors.InvalidArgumentError: Bytes are no image, or not of the size that the schema says.
    """
    decoded = {
        name: _decoded(tensor, schema.features[name]) if name in schema.features else tensor
        for name, tensor in parsed.items()
    }
    for name, size in schema.sparse.items():
        decoded[name] = _sparse(name, size, decoded.pop(name + INDICES), decoded.pop(name + VALUES))
    return decoded


def _sparse(name: str, size: int, indices: Any, values: Any) -> Any:
    """A sparse tensor `(batch, size)` of what each row has."""
    import tensorflow as tf

    places = tf.cast(indices.values, tf.int64)
    rows = tf.cast(indices.value_rowids(), tf.int64)
    inside = tf.reduce_all((places >= 0) & (places < size))
    increase = tf.reduce_all((rows[1:] > rows[:-1]) | (places[1:] > places[:-1]))
    as_many = tf.reduce_all(indices.row_splits == values.row_splits)
    tf.debugging.Assert(as_many, [f"`{name}`: there are not as many indices as values"])
    tf.debugging.Assert(inside & increase, [f"`{name}`: indices do not increase from 0 to below its size, {size}"])
    shape = tf.stack([tf.cast(indices.nrows(), tf.int64), size])
    return tf.SparseTensor(tf.stack([rows, places], axis=1), values.values, shape)


def _decoded(tensor: Any, feature: Feature) -> Any:
    import tensorflow as tf

    fixed = None not in feature.shape and not feature.optional
    if feature.encoding in IMAGES and fixed:
        height, width, channels = feature.shape

        def image(file: Any) -> Any:
            pixels = tf.io.decode_image(file, channels, feature.dtype, expand_animations=False)
            return tf.ensure_shape(pixels, feature.shape)

        signature = tf.TensorSpec((height, width, channels), feature.dtype)
        return tf.map_fn(image, tensor, fn_output_signature=signature, parallel_iterations=10)
    if feature.is_raw and fixed:
        numbers = tf.io.decode_raw(tf.reshape(tensor, [-1]), tf.as_dtype(SIGNED.get(feature.dtype, feature.dtype)))
        numbers = tf.bitcast(numbers, feature.dtype) if feature.dtype in SIGNED else numbers
        return tf.reshape(numbers, (-1, *feature.shape))
    if feature.kind == "bytes" or feature.dtype in STRINGS:
        return tensor
    return tf.cast(tensor, feature.dtype)


def _is_one_text(feature: Feature) -> bool:
    """Whether each example has one value of bytes, whatever the shape is of what they hold."""
    return feature.is_raw or bool(feature.encoding)
