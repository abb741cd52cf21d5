"""Schemas of examples, and the dtypes of their features."""

from tensorsmith.tfrecord.schema.schema import (
    COMPLEX,
    DTYPES,
    FLOATS,
    IMAGES,
    INDICES,
    INTEGERS,
    SHAPE,
    STRINGS,
    VALUE,
    VALUES,
    Feature,
    Schema,
)

__all__ = [
    "COMPLEX",
    "DTYPES",
    "FLOATS",
    "IMAGES",
    "INDICES",
    "INTEGERS",
    "SHAPE",
    "STRINGS",
    "VALUE",
    "VALUES",
    "Feature",
    "Schema",
]
