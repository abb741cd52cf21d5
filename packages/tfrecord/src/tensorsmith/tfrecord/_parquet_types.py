"""Types of booleans, dates and times in Parquet files, which TFRecord files store as numbers."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tensorsmith.core import Verbatim, argument_error
from tensorsmith.records import StoredFeature
from tensorsmith.tfrecord._support.dates import SECOND, TIME
from tensorsmith.tfrecord.schema import Feature

TYPES = {"bool": pa.bool_(), "days": pa.date32(), "seconds": pa.timestamp("us"), TIME: pa.time64("us")}


def declared_type(stored: StoredFeature, declared: Feature | None) -> pa.DataType | None:
    """Returns the type of a column of single booleans, dates or times, and `None` for other columns.

    Args:
        stored: Feature as it is stored in the records.
        declared: Feature in the schema, or `None` if it has no such feature.
    """
    if declared is None or declared.shape or declared.sequence or stored.kinds != (declared.kind,):
        return None
    if declared.dtype == "bool":
        return None if declared.is_raw else TYPES["bool"]
    return TYPES.get(TIME if declared.format == TIME else declared.time_unit)


def is_declared(kind: pa.DataType) -> bool:
    """Returns `True` if a type is one that `declared_type` returns."""
    return kind in TYPES.values()


def to_declared_type(name: str, numbers: Any, kind: pa.DataType) -> Any:
    """Converts an array of days, of seconds or of 0 and 1 to booleans, dates or times.

    Raises:
        ValueError: If a number is out of range.
    """
    try:
        if kind == TYPES["bool"]:
            return numbers.cast(pa.int8()).cast(kind)
        if kind == TYPES["days"]:
            return numbers.cast(pa.int32()).cast(kind)
        microseconds = pc.round(pc.multiply_checked(numbers, pa.scalar(SECOND, numbers.type)))
        return microseconds.cast(pa.int64()).cast(kind)
    except pa.ArrowInvalid as error:
        received, expected = Verbatim("numbers out of range"), "contain values to match schema.yaml"
        remedy = f"remove schema.yaml to read the values as numbers ({error})"
        raise argument_error(name, received, expected, remedy) from None
