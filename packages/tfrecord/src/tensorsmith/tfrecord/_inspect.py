"""Features, record counts and sizes of TFRecord files."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tensorsmith.core import Advance, unreported
from tensorsmith.records import StoredFeature, merge
from tensorsmith.tfrecord.shards.columns import features_of
from tensorsmith.tfrecord.shards.reading import compression_of_file, read


@dataclass(frozen=True)
class FileSummary:
    """Summary of one TFRecord file.

    Attributes:
        path: Path of the TFRecord file.
        compression: Compression of the file: "none", "gzip" or "zlib".
        records: Number of records.
        size: Size of the file in bytes.
        content: Total size of the data of its records in bytes.
        features: Name of each feature mapped to the feature.
    """

    path: Path
    compression: str
    records: int
    size: int
    content: int
    features: Mapping[str, StoredFeature]


def inspect(files: Sequence[str | os.PathLike[str]], report: Advance = unreported) -> list[FileSummary]:
    """Reads TFRecord files and returns the record counts and features of each file.

    Args:
        files: Paths of TFRecord files that contain `tf.train.Example` or `tf.train.SequenceExample` records. The files
            may be compressed.
        report: Function that is called with the number of bytes read since the previous call, including record framing.

    Returns:
        A list with a `FileSummary` for each file.

    Raises:
        DamagedFileError: If a record is damaged or is not an example.
    """
    found = []
    for path in map(Path, files):
        features: dict[str, StoredFeature] = {}
        records = content = 0
        for part in read(path):
            features = merge(features, features_of(path, part))
            records, content = records + len(part.records), content + int(part.records.sizes.sum())
            report(part.size)
        compression = compression_of_file(path)
        found.append(FileSummary(path, compression, records, path.stat().st_size, content, features))
    return found
