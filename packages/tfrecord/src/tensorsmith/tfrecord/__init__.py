"""Conversion, inspection, verification and repair of TFRecord files. Only `examples` imports TensorFlow."""

from tensorsmith.tfrecord._contact_sheet import contact_sheet, image_format
from tensorsmith.tfrecord._convert import Converted, SourceChangedError, convert
from tensorsmith.tfrecord._infer import infer, review
from tensorsmith.tfrecord._inspect import FileSummary, inspect
from tensorsmith.tfrecord._repair import Gap, Repaired, repair
from tensorsmith.tfrecord._reshard import reshard, shuffle, split
from tensorsmith.tfrecord._rows import rows, to_json
from tensorsmith.tfrecord._stats import BytesStats, NumberStats, Stats, stats
from tensorsmith.tfrecord._verify import Verified, verify
from tensorsmith.tfrecord.conversion.chunks import RejectedError
from tensorsmith.tfrecord.parquet import to_parquet
from tensorsmith.tfrecord.pipeline.examples import examples
from tensorsmith.tfrecord.schema import Feature, Schema
from tensorsmith.tfrecord.shards.index import Index, write_index
from tensorsmith.tfrecord.shards.layout import parse_size, parse_split
from tensorsmith.tfrecord.shards.paths import check_target, find_record_files
from tensorsmith.tfrecord.shards.reading import DamagedFileError, Part, read
from tensorsmith.tfrecord.shards.reorder import Split
from tensorsmith.tfrecord.sources import Batch, Reject, Source, UnreadableError, open_source

__all__ = [
    "Batch",
    "BytesStats",
    "Converted",
    "DamagedFileError",
    "Feature",
    "FileSummary",
    "Gap",
    "Index",
    "NumberStats",
    "Part",
    "Reject",
    "RejectedError",
    "Repaired",
    "Schema",
    "Source",
    "SourceChangedError",
    "Split",
    "Stats",
    "UnreadableError",
    "Verified",
    "check_target",
    "contact_sheet",
    "convert",
    "examples",
    "find_record_files",
    "image_format",
    "infer",
    "inspect",
    "open_source",
    "parse_size",
    "parse_split",
    "read",
    "repair",
    "reshard",
    "review",
    "rows",
    "shuffle",
    "split",
    "stats",
    "to_json",
    "to_parquet",
    "verify",
    "write_index",
]
