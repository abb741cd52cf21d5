"""Storage of feature values as columns of records."""

import numpy as np
import pyarrow as pa

from tensorsmith.records import Column
from tensorsmith.tfrecord.encode.feature import Values
from tensorsmith.tfrecord.encode.media import encode_images
from tensorsmith.tfrecord.encode.unfold import offsets_of
from tensorsmith.tfrecord.schema import IMAGES, SHAPE, VALUE, Feature


def to_columns(name: str, feature: Feature, values: Values) -> dict[str, Column]:
    """Returns the column that stores a feature. If several axes vary, the shapes are stored in a second column."""
    leaves, parts, present = values.leaves, values.parts, values.present
    bounds = None
    if not isinstance(leaves, np.ndarray):
        leaves, bounds = _bytes(leaves)
    elif feature.is_raw or feature.encoding in IMAGES:
        # Each part is a single bytes value, except for rows that lack the feature.
        there = np.ones(len(parts) - 1, "bool") if present is None or values.steps is not None else present
        if feature.is_raw:
            leaves = leaves.astype(np.dtype(feature.dtype).newbyteorder("<")).view("uint8")
            bounds = np.append(parts[:-1][there], parts[-1]) * np.dtype(feature.dtype).itemsize
        else:
            leaves, bounds = encode_images(feature, leaves, parts[:-1][there], values.sizes[there])
        parts = offsets_of(there)
    else:
        leaves = leaves.astype("float32" if feature.kind == "float" else "int64")
    rows, steps = (values.steps, parts) if values.steps is not None else (parts, None)
    column = Column(feature.kind, np.ascontiguousarray(leaves), rows, bounds, steps, present)
    if not feature.is_shaped:
        return {name: column}
    sizes = np.ascontiguousarray(values.sizes[slice(None) if present is None else present])
    positions = np.arange(len(sizes) + 1) if present is None else offsets_of(present)
    shapes = Column("int64", sizes.reshape(-1), positions * len(feature.shape), present=present)
    return {name + SHAPE: shapes, name + VALUE: column}


def _bytes(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Returns the concatenated bytes of all strings, and the string offsets."""
    _, positions, data = texts.buffers()
    bounds = np.frombuffer(positions, "int64", len(texts) + 1, texts.offset * 8) if positions else np.zeros(1, "int64")
    memory = np.frombuffer(data, "uint8") if data is not None and data.size else np.zeros(0, "uint8")
    return memory[bounds[0] : bounds[-1]], bounds - bounds[0]
