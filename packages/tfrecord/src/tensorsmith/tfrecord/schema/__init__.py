"""Schemas of examples, and feature dtypes."""

from tensorsmith.tfrecord.schema.schema import (
    COMPLEX,
    DTYPES,
    FLOATS,
    IMAGES,
    INDICES,
    INTEGERS,
    NAN,
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
    "NAN",
    "SHAPE",
    "STRINGS",
    "VALUE",
    "VALUES",
    "Feature",
    "Schema",
]
