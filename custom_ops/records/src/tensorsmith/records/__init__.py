"""Compiled columnar reader and writer for TFRecord files, which does not require TensorFlow."""

from tensorsmith.records.column import KINDS, Column
from tensorsmith.records.encode import encode, frame, write
from tensorsmith.records.library import available
from tensorsmith.records.parse import Sequence, check_examples, parse
from tensorsmith.records.record import FeatureError, RecordError, Records
from tensorsmith.records.scan import Scan, find, scan
from tensorsmith.records.survey import Range, StoredFeature, merge, survey

__all__ = [
    "KINDS",
    "Column",
    "FeatureError",
    "Range",
    "RecordError",
    "Records",
    "Scan",
    "Sequence",
    "StoredFeature",
    "available",
    "check_examples",
    "encode",
    "find",
    "frame",
    "merge",
    "parse",
    "scan",
    "survey",
    "write",
]
